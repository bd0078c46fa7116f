/** Authorizers of an AuthorizationConfiguration: a webhook before RBAC, its conditions, failures and changes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { type Answer, createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-authorization-test-'))
const configFile = join(directory, 'authorization.yaml')
const kubeConfigFile = join(directory, 'webhook.conf')

interface Review {
  readonly apiVersion: string
  readonly spec: { readonly user: string; readonly resourceAttributes?: Readonly<Record<string, unknown>> }
}
type Verdict = { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string } | 'fails' | 'hangs'

/** What was asked; and what is answered, by user. */
const reviews: Review[] = []
const verdicts = new Map<string, Verdict>()
const reviewer = createServer((request, response) => {
  void text(request).then((body) => {
    const review = JSON.parse(body) as Review
    reviews.push(review)
    const verdict = verdicts.get(review.spec.user) ?? {}
    if (verdict === 'hangs') return
    if (verdict === 'fails') return response.writeHead(400).end('out of <order>')
    response.writeHead(200, { 'content-type': 'application/json' })
    return response.end(JSON.stringify({ ...review, status: verdict }))
  })
})
await new Promise<void>((resolve) => reviewer.listen(0, '127.0.0.1', resolve))
writeFileSync(
  kubeConfigFile,
  dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${(reviewer.address() as AddressInfo).port}/sar` } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }),
)

const hook = (more: object = {}): object => ({
  type: 'Webhook',
  name: 'hook',
  webhook: {
    timeout: '1s',
    subjectAccessReviewVersion: 'v1',
    matchConditionSubjectAccessReviewVersion: 'v1',
    matchConditions: [{ expression: 'has(request.resourceAttributes)' }, { expression: '"hooked" in request.groups' }],
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
    ...more,
  },
})
const builtIn = [
  { type: 'Node', name: 'node' },
  { type: 'RBAC', name: 'rbac' },
]
const writeConfig = (...authorizers: readonly object[]): void => {
  const header = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' }
  writeFileSync(configFile, dump({ ...header, authorizers }))
}
writeConfig(hook(), ...builtIn)

after(async () => {
  reviewer.closeAllConnections()
  await new Promise((resolve) => reviewer.close(resolve))
  rmSync(directory, { recursive: true })
})

const running = useCluster({ extraArgs: { 'kube-apiserver': { 'authorization-config': configFile } } })

describe('an authorization webhook', () => {
  let http: Http
  const as = (user: string, path: string, groups = 'hooked'): Promise<Answer> =>
    http(path, { headers: { 'impersonate-user': user, 'impersonate-group': groups } })
  const metric = async (line: string): Promise<number> => {
    const found = (await http('/metrics')).text.split('\n').find((candidate) => candidate.startsWith(`${line} `))
    return Number(found?.slice(line.length + 1) ?? 0)
  }

  before(() => {
    http = createHttp(running(), pkiCredentials(running(), 'super-admin'))
  })
  beforeEach(() => {
    reviews.splice(0)
    verdicts.clear()
  })

  it('is asked what the request is, with its selectors, and may allow it', async () => {
    verdicts.set('ann', { allowed: true, reason: 'a friend' })
    const path = '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb&fieldSelector=spec.nodeName%3Dn1'
    assert.equal((await as('ann', path)).code, 200)
    assert.deepEqual(reviews, [
      {
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: {
          resourceAttributes: {
            namespace: 'default',
            verb: 'list',
            version: 'v1',
            resource: 'pods',
            fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] },
            labelSelector: { requirements: [{ key: 'app', operator: 'In', values: ['web'] }] },
          },
          user: 'ann',
          groups: ['hooked', 'system:authenticated'],
        },
        status: { allowed: false },
      },
    ])
    assert.ok(
      (await metric('apiserver_authorization_decisions_total{type="Webhook",name="hook",decision="allowed"}')) > 0,
    )
    assert.ok((await metric('apiserver_authorization_webhook_evaluations_total{name="hook",result="success"}')) > 0)
  })

  it('is asked once as long as its answer is remembered', async () => {
    verdicts.set('memo', { allowed: true })
    for (let i = 0; i < 3; i++) assert.equal((await as('memo', '/api/v1/namespaces/default/secrets')).code, 200)
    assert.equal(reviews.length, 1)
  })

  it('may deny for all, and may have no opinion', async () => {
    verdicts.set('eve', { denied: true, reason: 'never' })
    const denied = await as('eve', '/api/v1/namespaces/default/pods')
    assert.equal(denied.code, 403)
    assert.equal(
      denied.status.message,
      'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "default": never',
    )
    verdicts.set('joe', { reason: 'who is joe?' })
    const unknown = await as('joe', '/api/v1/namespaces/default/pods')
    assert.equal(
      unknown.status.message,
      'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default": who is joe?',
    )
    verdicts.set('kim', {})
    assert.equal((await as('kim', '/api/v1/namespaces/default/pods', 'kubeadm:cluster-admins')).code, 200)
  })

  it('is not asked what its conditions exclude', async () => {
    assert.equal((await as('out', '/api/v1/namespaces/default/pods', 'others')).code, 403)
    assert.equal((await as('out', '/healthz')).code, 200)
    assert.equal(reviews.length, 0)
    assert.ok(
      (await metric('apiserver_authorization_match_condition_exclusions_total{type="Webhook",name="hook"}')) > 0,
    )
  })

  it('that fails stops the request, which is no refusal', async () => {
    verdicts.set('bad', 'fails')
    const failed = await as('bad', '/api/v1/namespaces/default/pods?a=1')
    assert.equal(failed.code, 500)
    assert.match(
      failed.text,
      /^Internal Server Error: "\/api\/v1\/namespaces\/default\/pods\?a=1": the server answered 400: out of &lt;order&gt;\n$/,
    )
    verdicts.set('slow', 'hangs')
    assert.match((await as('slow', '/api/v1/namespaces/default/pods')).text, /context deadline exceeded$/m)
    assert.ok((await metric('apiserver_authorization_webhook_evaluations_total{name="hook",result="timeout"}')) > 0)
    const { json } = await http('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      method: 'POST',
      body: { spec: { user: 'bad', groups: ['hooked'], resourceAttributes: { verb: 'get', resource: 'pods' } } },
    })
    assert.deepEqual(json['status'], {
      allowed: false,
      denied: true,
      evaluationError: 'the server answered 400: out of <order>',
    })
  })

  it('is asked about the selectors of a review', async () => {
    verdicts.set('sel', { allowed: true })
    const labelSelector = { requirements: [{ key: 'a', operator: 'Exists' }] }
    const resourceAttributes = {
      verb: 'list',
      resource: 'pods',
      version: 'v1',
      labelSelector,
      fieldSelector: { rawSelector: 'metadata.name!=x' },
    }
    const { json } = await http('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      method: 'POST',
      body: { spec: { user: 'sel', groups: ['hooked'], resourceAttributes } },
    })
    assert.equal((json['status'] as { allowed: boolean }).allowed, true)
    assert.deepEqual(reviews[0]?.spec.resourceAttributes, {
      ...resourceAttributes,
      fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'NotIn', values: ['x'] }] },
    })
  })

  it('cannot say its rules: whoever lists them is told', async () => {
    verdicts.set('lister', { allowed: true })
    const { json } = await http('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      method: 'POST',
      body: { spec: { namespace: 'default' } },
      headers: { 'content-type': 'application/json', 'impersonate-user': 'lister', 'impersonate-group': 'hooked' },
    })
    const { incomplete, evaluationError } = json['status'] as { incomplete: boolean; evaluationError: string }
    assert.equal(incomplete, true)
    assert.equal(evaluationError, 'webhook authorizer does not support user rule resolution')
  })

  it('changes with the file; a file of no use changes nothing', async () => {
    const reloads = 'apiserver_authorization_config_controller_automatic_reloads_total'
    const counted = async (status: string): Promise<boolean> =>
      (await http('/metrics')).text.includes(`${reloads}{status="${status}",`)
    writeConfig(hook())
    await waitFor(() => counted('failure'), { what: 'the bad file to be seen' })
    assert.match(running().logOf('kube-apiserver'), /missing required types: \[Node RBAC\]/)
    verdicts.set('still', { allowed: true })
    assert.equal((await as('still', '/api/v1/namespaces/default/pods')).code, 200)

    writeConfig(hook({ failurePolicy: 'NoOpinion', subjectAccessReviewVersion: 'v1beta1' }), ...builtIn)
    await waitFor(() => counted('success'), { what: 'the new file' })
    verdicts.set('bad', 'fails')
    assert.equal((await as('bad', '/api/v1/namespaces/default/pods')).code, 500)
    assert.equal((await as('bad', '/api/v1/namespaces/default/pods', 'kubeadm:cluster-admins')).code, 200)
    assert.equal(reviews.at(-1)?.apiVersion, 'authorization.k8s.io/v1beta1')
    const open = 'apiserver_authorization_webhook_evaluations_fail_open_total{name="hook",result="error"}'
    assert.ok((await metric(open)) > 0)
  })
})
