/** What the audit log says of requests, at each level, and that it keeps Secrets to itself. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { type EventSink, readEvents, startEventSink, type WireEvent } from './audit/harness.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-audit-test-'))
const file = (name: string): string => join(directory, name)
const log = file('logs/audit.log')

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  rules: [
    { level: 'None', nonResourceURLs: ['/healthz*', '/livez*', '/readyz*'] },
    { level: 'None', userGroups: ['system:nodes'] },
    { level: 'None', users: ['system:kube-controller-manager', 'system:kube-scheduler', 'system:apiserver'] },
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'] },
    { level: 'RequestResponse', namespaces: ['full'], omitManagedFields: true },
    { level: 'Request', namespaces: ['half'] },
    { level: 'Metadata', omitStages: ['RequestReceived'] },
  ],
}

/** The sink is there before the cluster, whose command line names it. */
const sink: EventSink = await startEventSink()
writeFileSync(file('policy.yaml'), dump(policy))
writeFileSync(
  file('webhook.conf'),
  dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'sink', cluster: { server: sink.url } }],
    users: [{ name: 'me', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'sink', user: 'me' } }],
    'current-context': 'c',
  }),
)

after(async () => {
  await sink[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const running = useCluster({
  extraArgs: {
    'kube-apiserver': {
      'anonymous-auth': 'true',
      'audit-policy-file': file('policy.yaml'),
      'audit-log-path': log,
      'audit-webhook-config-file': file('webhook.conf'),
      'audit-webhook-batch-max-wait': '100ms',
      'audit-webhook-initial-backoff': '50ms',
    },
  },
})

let call = 0
const nextId = (): string => `audit-test-${++call}`

/** Events of one request, in order, once there are as many as its stages. */
const eventsOf = (auditID: string, count: number): Promise<WireEvent[]> =>
  waitFor(
    () => {
      const events = readEvents(log).filter((event) => event.auditID === auditID)
      return events.length >= count && events
    },
    { what: `${count} events of ${auditID}` },
  )

describe('the audit log', () => {
  let http: Http
  const secret = (namespace: string, name: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { password: 'hunter2-the-secret' },
  })
  const ask = async (path: string, options: Parameters<Http>[1] = {}, count = 1) => {
    const auditID = nextId()
    const answer = await http(path, { ...options, headers: { ...options.headers, 'Audit-ID': auditID } })
    return { answer, events: await eventsOf(auditID, count), auditID }
  }

  before(async () => {
    const cluster = running()
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    for (const name of ['full', 'half']) {
      await http('/api/v1/namespaces', {
        method: 'POST',
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
      })
    }
  })

  it('says who did what to what and how it ended', async () => {
    const { answer, events, auditID } = await ask('/api/v1/namespaces/full?pretty=false', {
      headers: { 'User-Agent': 'tester/1', 'X-Forwarded-For': '192.0.2.7' },
    })
    assert.equal(answer.code, 200)
    assert.equal(answer.headers['audit-id'], auditID)
    const [received, event] = await eventsOf(auditID, 2)
    assert.equal(received?.stage, 'RequestReceived')
    assert.equal(received.responseStatus, undefined)
    assert.equal(events.length > 0, true)
    assert.ok(event)
    const { requestReceivedTimestamp, stageTimestamp, responseObject: _response, user, ...rest } = event
    const { extra = {}, ...named } = user
    assert.match(extra['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^X509SHA256=[\da-f]{64}$/)
    assert.deepEqual(named, {
      username: 'kubernetes-admin',
      groups: ['kubeadm:cluster-admins', 'system:authenticated'],
    })
    assert.deepEqual(rest, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      auditID,
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/full?pretty=false',
      verb: 'get',
      sourceIPs: ['192.0.2.7', '127.0.0.1'],
      userAgent: 'tester/1',
      objectRef: { resource: 'namespaces', namespace: 'full', name: 'full', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 200 },
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'authorization.k8s.io/reason':
          'RBAC: allowed by ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" to Group "kubeadm:cluster-admins"',
      },
    })
    assert.match(requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    assert.ok(requestReceivedTimestamp <= stageTimestamp)
  })

  it('records nothing that a client sent or got at level Metadata', async () => {
    const { answer, events } = await ask('/api/v1/namespaces/default/secrets', {
      method: 'POST',
      body: secret('default', 'quiet'),
    })
    assert.equal(answer.code, 201)
    const [event] = events
    assert.equal(events.length, 1)
    assert.equal(event?.level, 'Metadata')
    assert.deepEqual(event.objectRef, {
      resource: 'secrets',
      namespace: 'default',
      name: 'quiet',
      apiVersion: 'v1',
    })
    const patched = await ask('/api/v1/namespaces/default/secrets/quiet', {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { stringData: { password: 'hunter2-the-secret' } },
    })
    const got = await ask('/api/v1/namespaces/default/secrets/quiet')
    const listed = await ask('/api/v1/namespaces/default/secrets')
    const text = JSON.stringify([...events, ...patched.events, ...got.events, ...listed.events])
    const encoded = Buffer.from('hunter2-the-secret').toString('base64')
    assert.ok(!text.includes('hunter2-the-secret') && !text.includes(encoded))
    for (const { requestObject, responseObject } of [...patched.events, ...got.events, ...listed.events]) {
      assert.deepEqual([requestObject, responseObject], [undefined, undefined])
    }
  })

  it('records what was sent at level Request, and not what was answered', async () => {
    const created = await ask(
      '/api/v1/namespaces/half/configmaps',
      { method: 'POST', body: { metadata: { name: 'sent' }, data: { a: '<1>' } } },
      2,
    )
    const event = created.events.at(-1)
    assert.deepEqual(event?.requestObject?.['data'], { a: '<1>' })
    assert.equal(event.responseObject, undefined)
    assert.equal(event.responseStatus?.code, 201)
    assert.equal(event.objectRef?.['name'], 'sent')

    const patched = await ask(
      '/api/v1/namespaces/half/configmaps/sent',
      {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: '{ "data":\n  {"b": "2 \\" 3"}\n}\n',
      },
      2,
    )
    assert.deepEqual(patched.events.at(-1)?.requestObject, { data: { b: '2 " 3' } })

    const applied = await ask(
      '/api/v1/namespaces/half/configmaps/sent?fieldManager=me',
      {
        method: 'PATCH',
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sent}\ndata: {c: "3"}\n',
      },
      2,
    )
    assert.deepEqual(applied.events.at(-1)?.requestObject?.['data'], { c: '3' })

    // A number that a double cannot hold.
    const large = await ask(
      '/api/v1/namespaces/half/persistentvolumeclaims',
      {
        method: 'POST',
        body: '{"metadata":{"name":"big","generation":9007199254740993},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}',
      },
      2,
    )
    assert.equal(large.answer.code, 201, large.answer.text)
    assert.match(readFileSync(log, 'utf8'), /"requestObject":\{[^\n]*"generation":9007199254740993/)

    const deleted = await ask(
      '/api/v1/namespaces/half/configmaps/sent',
      { method: 'DELETE', body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' } },
      2,
    )
    assert.equal(deleted.events.at(-1)?.requestObject?.['propagationPolicy'], 'Background')
    assert.equal(deleted.events.at(-1)?.verb, 'delete')
  })

  it('records answers at level RequestResponse, without managed fields where the rule says so', async () => {
    const body = { metadata: { name: 'both' }, data: { a: '1' } }
    const created = await ask('/api/v1/namespaces/full/configmaps', { method: 'POST', body }, 2)
    const metadata = created.events.at(-1)?.responseObject?.['metadata'] as Record<string, unknown>
    assert.equal(metadata['name'], 'both')
    assert.equal(typeof metadata['uid'], 'string')
    assert.equal(metadata['managedFields'], undefined)

    const listed = await ask('/api/v1/namespaces/full/configmaps', {}, 2)
    const list = listed.events.at(-1)?.responseObject
    assert.equal(list?.['kind'], 'ConfigMapList')
    const items = list['items'] as { metadata: Record<string, unknown> }[]
    assert.ok(items.some((item) => item.metadata['name'] === 'both'))
    assert.ok(items.every((item) => item.metadata['managedFields'] === undefined))

    const table = await ask(
      '/api/v1/namespaces/full/configmaps',
      { headers: { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } },
      2,
    )
    assert.equal(table.events.at(-1)?.responseObject?.['kind'], 'Table')

    const binary = await ask(
      '/api/v1/namespaces/full/configmaps/both',
      { headers: { Accept: 'application/vnd.kubernetes.protobuf' } },
      2,
    )
    assert.deepEqual(binary.events.at(-1)?.responseObject?.['data'], { a: '1' })
  })

  it('tells a refusal as the client was told it', async () => {
    const { answer, events } = await ask('/api/v1/namespaces/half/configmaps/none', {}, 2)
    assert.equal(answer.code, 404)
    const { kind: _kind, apiVersion: _version, ...status } = answer.json
    assert.deepEqual(events.at(-1)?.responseStatus, { ...status, metadata: {} })
  })

  it('tells why somebody was not allowed', async () => {
    const auditID = nextId()
    const nobody = createHttp(running())
    const { code } = await nobody('/api/v1/namespaces/default/pods', { headers: { 'Audit-ID': auditID } })
    assert.equal(code, 403)
    const [event] = await eventsOf(auditID, 1)
    assert.equal(event?.user.username, 'system:anonymous')
    assert.equal(event.annotations?.['authorization.k8s.io/decision'], 'forbid')
    assert.equal(event.responseStatus?.reason, 'Forbidden')
  })

  it('has one event without a user for credentials that nobody knows', async () => {
    const auditID = nextId()
    const nobody = createHttp(running(), { token: 'wrong' })
    const { code } = await nobody('/api/v1/namespaces/half/pods', { headers: { 'Audit-ID': auditID } })
    assert.equal(code, 401)
    const [event, more] = await eventsOf(auditID, 1)
    assert.equal(more, undefined)
    assert.equal(event?.stage, 'ResponseStarted')
    assert.deepEqual(event.user, {})
    assert.equal(event.responseStatus?.code, 401)
  })

  it('tells who acted as whom', async () => {
    const { events } = await ask('/api/v1/namespaces/default/pods', {
      headers: { 'Impersonate-User': 'jane', 'Impersonate-Group': 'devs' },
    })
    assert.equal(events[0]?.user.username, 'kubernetes-admin')
    assert.deepEqual(events[0]?.impersonatedUser, { username: 'jane', groups: ['devs', 'system:authenticated'] })
    assert.match(events[0]?.responseStatus?.message ?? '', /User "jane" cannot list/)
    assert.deepEqual(events[0]?.authenticationMetadata, { impersonationConstraint: 'impersonate:user-info' })
  })

  it('has an event when a watch begins and one when it ends', async () => {
    const { events } = await ask('/api/v1/namespaces/half/configmaps?watch=1&timeoutSeconds=1', {}, 3)
    assert.deepEqual(
      events.map(({ stage, responseStatus }) => [stage, responseStatus?.code]),
      [
        ['RequestReceived', undefined],
        ['ResponseStarted', 200],
        ['ResponseComplete', 200],
      ],
    )
  })

  it('names tokens that were issued, and does not show them', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts'
    await http(accounts, { method: 'POST', body: { metadata: { name: 'robot' } } })
    const path = `${accounts}/robot/token`
    const { answer, events } = await ask(path, { method: 'POST', body: { spec: {} } })
    assert.equal(answer.code, 201)
    assert.match(
      events[0]?.annotations?.['authentication.kubernetes.io/issued-credential-id'] ?? '',
      /^JTI=[-\da-f]{36}$/,
    )
    const { token } = answer.json['status'] as { token: string }
    assert.ok(!JSON.stringify(events).includes(token.slice(-40)))
  })

  it('reaches the webhook in batches, over failures', async () => {
    sink.failNext(2)
    const { auditID } = await ask('/api/v1/namespaces/default/pods')
    await waitFor(() => sink.events.some((event) => event.auditID === auditID), { what: 'the event at the webhook' })
    for (const { kind, apiVersion } of sink.lists)
      assert.deepEqual([kind, apiVersion], ['EventList', 'audit.k8s.io/v1'])
    assert.ok(sink.lists.length < sink.events.length)
  })

  it('is for its owner alone, and counted', async () => {
    assert.equal(statSync(log).mode & 0o777, 0o600)
    const { text } = await http('/metrics')
    assert.match(text, /^apiserver_audit_event_total \d+/m)
    assert.match(text, /^apiserver_audit_level_total\{level="RequestResponse"\} \d+/m)
    assert.match(text, /^apiserver_audit_requests_rejected_total 0/m)
  })

  it('has what waited for the webhook when the server is told to stop', async () => {
    const { auditID } = await ask('/api/v1/namespaces/default/services')
    await running().cli('stop')
    assert.ok(sink.events.some((event) => event.auditID === auditID))
    assert.equal(
      readEvents(log).some((event) => event.auditID === auditID),
      true,
    )
  })
})
