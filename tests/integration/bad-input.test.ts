/** Bad input gets upstream's status code, reason and message shape, over the wire and through kubectl. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestCluster } from '../harness/cluster.ts'
import { type Answer, createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'

let cluster: TestCluster

/** As the administrator. */
let call: Http

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call(path, { method: 'POST', body, headers })

const configMaps = '/api/v1/namespaces/default/configmaps'
const deployments = '/apis/apps/v1/namespaces/default/deployments'
const aConfigMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
})
const aDeployment = (change: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    ...change,
  },
})

useCluster({ extraArgs: { 'kube-apiserver': { 'anonymous-auth': 'true' } } }, (started) => {
  cluster = started
  call = createHttp(cluster, pkiCredentials(cluster, 'admin'))
})

describe('bad input', () => {
  it('is told about broken JSON', async () => {
    const answer = await post(configMaps, '{"apiVersion": "v1", ')
    assert.equal(answer.code, 400)
    assert.equal(answer.status.reason, 'BadRequest')
    assert.equal(answer.status.kind, 'Status')
  })

  it('is told about broken YAML, by the server and by kubectl', async () => {
    const answer = await post(configMaps, 'a: [1\nb: }', { 'content-type': 'application/yaml' })
    assert.equal(answer.code, 400)
    assert.equal(answer.status.reason, 'BadRequest')
    const { code, stderr } = await cluster.kubectl.run(['apply', '-f', '-'], { input: 'a: [1\nb: }' })
    assert.equal(code, 1)
    assert.match(stderr, /error parsing/)
  })

  it('is told about unknown fields: refused, warned of, or ignored, as asked', async () => {
    const extra = { ...aDeployment({ replicas: 1, unknownField: 1 }), foo: 'bar' }
    const strict = await post(`${deployments}?fieldValidation=Strict`, extra)
    assert.equal(strict.code, 400)
    assert.match(
      strict.status.message ?? '',
      /strict decoding error: unknown field "spec.unknownField", unknown field "foo"/,
    )
    const warned = await post(`${deployments}?fieldValidation=Warn&dryRun=All`, extra)
    assert.equal(warned.code, 201)
    assert.match(String(warned.headers['warning']), /299 - "unknown field \\"spec.unknownField\\""/)
    const ignored = await post(`${deployments}?fieldValidation=Ignore&dryRun=All`, extra)
    assert.equal(ignored.code, 201)
    assert.equal(ignored.headers['warning'], undefined)
    const { code, stderr } = await cluster.kubectl.run(['create', '-f', '-'], { input: JSON.stringify(extra) })
    assert.equal(code, 1)
    assert.match(stderr, /unknown field/)
  })

  it('is told about wrong types', async () => {
    const answer = await post(deployments, aDeployment({ replicas: 'three' }))
    assert.equal(answer.code, 400)
    assert.equal(answer.status.reason, 'BadRequest')
    assert.match(
      answer.status.message ?? '',
      /Deployment in version "v1" cannot be handled as a Deployment: .*cannot unmarshal string into Go struct field.*replicas of type int32/,
    )
  })

  it('is told about missing required fields, with causes', async () => {
    const answer = await post(
      deployments,
      aDeployment({ selector: undefined, template: { spec: { containers: [{ name: 'web' }] } } }),
    )
    assert.equal(answer.code, 422)
    assert.equal(answer.status.reason, 'Invalid')
    assert.match(answer.status.message ?? '', /^Deployment.apps "web" is invalid: \[?spec.selector: Required value/)
    const fields = answer.status.details?.causes?.map(({ field }) => field) ?? []
    assert.ok(fields.includes('spec.selector'), JSON.stringify(fields))
    assert.equal(answer.status.details?.kind, 'Deployment')
    assert.equal(answer.status.details?.group, 'apps')
  })

  it('is told about a Pod without containers', async () => {
    const answer = await post('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'empty' },
      spec: { serviceAccountName: 'default' },
    })
    assert.equal(answer.code, 422)
    assert.equal(answer.status.message, 'Pod "empty" is invalid: spec.containers: Required value')
  })

  it('is told about bad parts of Pods and Namespaces, through their subresources', async () => {
    const pods = '/api/v1/namespaces/default/pods'
    const created = await post(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'whole' },
      spec: { containers: [{ name: 'c', image: 'c:1', resources: { requests: { cpu: '1' } } }] },
    })
    assert.equal(created.code, 201)
    const patch = (path: string, body: object): Promise<Answer> =>
      call(`${pods}/whole/${path}`, {
        method: 'PATCH',
        body,
        headers: { 'content-type': 'application/strategic-merge-patch+json' },
      })
    const resized = await patch('resize', {
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '-5' } } }] },
    })
    assert.equal(resized.code, 422)
    assert.equal(resized.status.details?.causes?.[0]?.field, 'spec.containers[0].resources.requests[cpu]')
    const bigger = await patch('resize', {
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }] },
    })
    assert.equal(bigger.code, 200)
    const ephemeral = await patch('ephemeralcontainers', {
      spec: { ephemeralContainers: [{ name: 'Bad_Name', image: 'd:1', ports: [{ containerPort: 1 }] }] },
    })
    assert.equal(ephemeral.code, 422)
    assert.deepEqual(
      ephemeral.status.details?.causes?.map(({ field }) => field),
      ['spec.ephemeralContainers[0].name', 'spec.ephemeralContainers[0].ports'],
    )
    const debug = await patch('ephemeralcontainers', {
      spec: { ephemeralContainers: [{ name: 'debug', image: 'd:1' }] },
    })
    assert.equal(debug.code, 200)
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }
    const finalized = await call('/api/v1/namespaces/default/finalize', {
      method: 'PUT',
      body: { ...namespace, spec: { finalizers: ['bad one'] } },
    })
    assert.equal(finalized.code, 422)
    assert.equal(finalized.status.details?.causes?.[0]?.field, 'spec.finalizers[0]')
  })

  it('is warned of what is deprecated, and of what is probably not meant', async () => {
    const list = await call('/api/v1/namespaces/default/endpoints')
    assert.equal(
      String(list.headers['warning']),
      '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
    )
    const spec = { containers: [{ name: 'c', image: 'c:1', ports: [{ containerPort: 80, hostIP: '1.2.3.4' }] }] }
    const pod = await post('/api/v1/namespaces/default/pods?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'odd' },
      spec,
    })
    assert.equal(pod.code, 201)
    assert.match(
      String(pod.headers['warning']),
      /^299 - "spec.containers\[0\].ports\[0\]: hostIP set without hostPort: /,
    )
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'far' } }
    const created = await post('/api/v1/namespaces/default/services', {
      ...service,
      spec: { type: 'ClusterIP', externalName: 'a.io', ports: [{ port: 80 }] },
    })
    assert.equal(created.code, 201)
    assert.match(String(created.headers['warning']), /spec.externalName is ignored/)
    const status = await call('/api/v1/namespaces/default/services/far/status', {
      method: 'PATCH',
      body: { status: { loadBalancer: {} } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.equal(status.code, 200)
    assert.equal(status.headers['warning'], undefined)
  })

  it('is told about bad names', async () => {
    const answer = await post(configMaps, aConfigMap('Not_A_Name'))
    assert.equal(answer.code, 422)
    assert.match(
      answer.status.message ?? '',
      /metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain must consist of/,
    )
  })

  it('is told about a conflicting resourceVersion', async () => {
    const { text } = await post(configMaps, aConfigMap('contended'))
    const created = JSON.parse(text) as { metadata: { resourceVersion: string } }
    const update = (data: object): Promise<Answer> =>
      call(`${configMaps}/contended`, {
        method: 'PUT',
        body: { ...created, data },
      })
    assert.equal((await update({ a: 'c' })).code, 200)
    const stale = await update({ a: 'd' })
    assert.equal(stale.code, 409)
    assert.equal(stale.status.reason, 'Conflict')
    assert.equal(
      stale.status.message,
      'Operation cannot be fulfilled on configmaps "contended": the object has been modified; please apply your changes to the latest version and try again',
    )
    const again = await post(configMaps, aConfigMap('contended'))
    assert.equal(again.code, 409)
    assert.equal(again.status.reason, 'AlreadyExists')
    assert.equal(again.status.message, 'configmaps "contended" already exists')
  })

  it('is told about a wrong token, and an anonymous one what it may not do', async () => {
    const stranger = createHttp(cluster)
    const wrong = await stranger(configMaps, { token: 'nonsense' })
    assert.equal(wrong.code, 401)
    assert.equal(wrong.status.reason, 'Unauthorized')
    const anonymous = await stranger(configMaps)
    assert.equal(anonymous.code, 403)
    assert.equal(anonymous.status.reason, 'Forbidden')
    assert.equal(
      anonymous.status.message,
      'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
    )
  })

  it('is told that a body is too large', async () => {
    const answer = await post(configMaps, { ...aConfigMap('big'), data: { a: 'x'.repeat(4 * 1024 * 1024) } })
    assert.equal(answer.code, 413)
    assert.equal(answer.status.reason, 'RequestEntityTooLarge')
  })

  it('is told about unknown kinds, paths, objects, verbs and media types', async () => {
    const kind = await post(configMaps, { apiVersion: 'v1', kind: 'Nonsense', metadata: { name: 'x' } })
    assert.equal(kind.code, 400)
    const missing = await call(`${configMaps}/nope`)
    assert.equal(missing.code, 404)
    assert.equal(missing.status.message, 'configmaps "nope" not found')
    assert.equal(missing.status.details?.name, 'nope')
    const resource = await call('/api/v1/nonsenses')
    assert.equal(resource.code, 404)
    assert.equal(resource.status.message, 'the server could not find the requested resource')
    assert.equal((await call('/no/such/path')).code, 404)
    const media = await post(configMaps, 'hello', { 'content-type': 'text/plain' })
    assert.equal(media.code, 415)
    assert.equal(media.status.reason, 'UnsupportedMediaType')
    const accept = await call(configMaps, { headers: { accept: 'text/html' } })
    assert.equal(accept.code, 406)
    const { code, stderr } = await cluster.kubectl.run(['apply', '-f', '-'], {
      input: 'apiVersion: nonsense.example.com/v1\nkind: Nonsense\nmetadata: {name: x}',
    })
    assert.equal(code, 1)
    assert.match(stderr, /no matches for kind "Nonsense" in version "nonsense.example.com\/v1"/)
  })

  it('does not let prototype keys in', async () => {
    const answer = await post(
      configMaps,
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"proto"},"data":{"__proto__":"x","constructor":"y"}}',
    )
    assert.equal(answer.code, 201)
    assert.equal(({} as Record<string, unknown>)['x'], undefined)
    const { text } = await call(`${configMaps}/proto`)
    assert.match(text, /"constructor":"y"/)
    assert.equal((await call('/livez')).text, 'ok')
  })
})
