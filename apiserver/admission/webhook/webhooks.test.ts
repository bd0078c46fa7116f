/** Admission webhooks over real TLS, with answers good and bad. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { KubeObject, Pod } from '../../../api/types.ts'
import { createMetrics } from '../../../component-base/metrics/metrics.ts'
import { type AdmissionFixture, createAdmissionFixture, type TestRequest } from '../admission-fixture.ts'
import { createAdmissionChain } from '../chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { createMatcher } from '../matching/matcher.ts'
import type { HookDependencies } from './call-hook.ts'
import { createReviewCaller } from '../../webhook/review-caller.ts'
import { createServiceReader, createServiceResolver } from '../../webhook/service-resolver.ts'
import { createWebhookCaller } from './client.ts'
import { hookSource } from './hooks.ts'
import { createWebhookMetrics } from './metrics.ts'
import { mutatingWebhook } from './mutating-webhook.ts'
import { validatingWebhook } from './validating-webhook.ts'
import { patchReply, startWebhookServer, type WebhookServer } from './webhook-fixture.ts'

const group = 'admissionregistration.k8s.io'
const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }]
const pod = (labels: Record<string, string> = {}): KubeObject =>
  ({
    metadata: { namespace: 'default', name: 'p', labels },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  }) as KubeObject

describe('admission webhooks', () => {
  let fixture: AdmissionFixture
  let server: WebhookServer
  let validating: AdmissionPlugin
  let mutating: AdmissionPlugin
  let registry: ReturnType<typeof createMetrics>
  const configured = new Set<string>()
  const logged: string[] = []

  before(async () => {
    fixture = await createAdmissionFixture()
    server = await startWebhookServer(['hook.default.svc'])
    registry = createMetrics('test')
    await fixture.put('namespaces', { metadata: { name: 'default', labels: { env: 'prod' } } })
    const metrics = createWebhookMetrics(registry)
    const { resources } = fixture
    const deps = (type: 'admit' | 'validating'): HookDependencies => ({
      matcher: createMatcher(resources),
      authorizer: { authorize: () => ({ type: 'allow', reason: '' }) },
      call: createWebhookCaller(
        createReviewCaller(
          createServiceResolver(createServiceReader(resources), { toEndpoints: true, securePort: 6443 }),
        ),
        () => undefined,
      ),
      metrics,
      type,
      warnLog: (message) => void logged.push(message),
    })
    const of = (resource: string) => hookSource(resources.get({ group, version: 'v1', resource }))
    validating = validatingWebhook(deps('validating'), of('validatingwebhookconfigurations'))
    mutating = mutatingWebhook({ ...deps('admit'), resources }, of('mutatingwebhookconfigurations'))
  })
  after(async () => {
    fixture[Symbol.dispose]()
    await server[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    for (const resource of configured) {
      await fixture.put(`${resource}.${group}`, { metadata: { name: 'config' }, webhooks: [] } as KubeObject)
    }
    server.reviews.splice(0)
    server.replies.clear()
    logged.splice(0)
  })

  const configure = async (type: 'validating' | 'mutating', ...webhooks: readonly object[]): Promise<void> => {
    const resource = `${type}webhookconfigurations`
    configured.add(resource)
    const defaults = {
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      rules,
      clientConfig: server.clientConfig('/hook'),
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
    }
    const full = webhooks.map((webhook, index) => ({ ...defaults, name: `hook${index}.example.com`, ...webhook }))
    await fixture.put(`${resource}.${group}`, { metadata: { name: 'config' }, webhooks: full } as KubeObject)
  }
  const create = (change: Partial<TestRequest> = {}): TestRequest => ({ resource: 'pods', object: pod(), ...change })
  const refusal = (request: TestRequest = create()) => fixture.refusal(validating, request)

  it('are sent the request as documented', async () => {
    await configure('validating', {})
    server.replies.set('/hook', () => ({
      allowed: true,
      warnings: ['mind the gap'],
      auditAnnotations: { why: 'because' },
    }))
    const user = { name: 'alice', uid: 'u1', groups: ['devs'], extra: { a: ['b'] } }
    const { warnings, annotations } = await fixture.admit(validating, create({ user }))
    assert.deepEqual([warnings, annotations], [['mind the gap'], { 'hook0.example.com/why': 'because' }])
    const [{ kind, apiVersion, request } = { kind: '', apiVersion: '', request: undefined }] = server.reviews
    assert.deepEqual([kind, apiVersion], ['AdmissionReview', 'admission.k8s.io/v1'])
    const { uid, ...rest } = request ?? { uid: '' }
    assert.match(uid, /^[0-9a-f-]{36}$/)
    const pods = { group: '', version: 'v1', resource: 'pods' }
    const podKind = { group: '', version: 'v1', kind: 'Pod' }
    assert.deepEqual(rest, {
      kind: podKind,
      resource: pods,
      requestKind: podKind,
      requestResource: pods,
      name: 'p',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'alice', uid: 'u1', groups: ['devs'], extra: { a: ['b'] } },
      object: { ...pod(), kind: 'Pod', apiVersion: 'v1' },
      oldObject: null,
      dryRun: false,
      options: null,
    })
    const deletion = create({ operation: 'DELETE', oldObject: pod() })
    assert.equal(await refusal({ ...deletion, object: undefined } as unknown as TestRequest), '')
    assert.deepEqual(server.reviews[1]?.request.object, null)
    const old = server.reviews[1]?.request.oldObject as KubeObject | undefined
    assert.deepEqual(old?.metadata?.name, 'p')
  })

  it('refuse in their own words and with their own code', async () => {
    await configure('validating', {})
    const rejected = async (status?: object): Promise<StatusError> => {
      server.replies.set('/hook', () => ({ allowed: false, ...(status === undefined ? {} : { status }) }))
      return fixture.admit(validating, create()).then(
        () => assert.fail('it was allowed'),
        (error: unknown) => {
          assert.ok(error instanceof StatusError)
          return error
        },
      )
    }
    const deniedBy = 'admission webhook "hook0.example.com" denied the request'
    const plain = await rejected()
    assert.deepEqual([plain.code, plain.message], [400, `${deniedBy} without explanation`])
    const full = await rejected({ code: 403, message: 'not on Fridays', reason: 'Forbidden' })
    assert.deepEqual([full.code, full.reason, full.message], [403, 'Forbidden', `${deniedBy}: not on Fridays`])
    assert.equal((await rejected({ code: 200, reason: 'Invalid' })).message, `${deniedBy}: Invalid`)
  })

  it('fail closed or open', async () => {
    const failing: Readonly<Record<string, RegExp>> = {
      '/nowhere': /failed to call webhook: the server could not find the requested resource$/,
      '/broken': /failed to call webhook: an error on the server \("oops"\) has prevented the request from succeeding$/,
      '/nonsense': /json parse error/,
      '/other-uid': /expected response\.uid="[0-9a-f-]+", got "x"$/,
      '/no-response': /webhook response was absent$/,
    }
    server.replies.set('/broken', () => ({ code: 500, raw: 'oops' }))
    server.replies.set('/nonsense', () => ({ code: 200, raw: 'hello' }))
    server.replies.set('/other-uid', () => ({ uid: 'x', allowed: true }))
    server.replies.set('/no-response', () => ({
      code: 200,
      raw: '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}',
    }))
    for (const [path, message] of Object.entries(failing)) {
      const clientConfig = server.clientConfig(path)
      await configure('validating', { clientConfig })
      const error = await fixture.admit(validating, create()).catch((thrown: unknown) => thrown as StatusError)
      assert.ok(error instanceof StatusError)
      assert.equal(error.code, 500)
      assert.match(error.message, /^Internal error occurred: failed calling webhook "hook0\.example\.com": /)
      assert.match(error.message, message)
      await configure('validating', { clientConfig, failurePolicy: 'Ignore' })
      const { annotations } = await fixture.admit(validating, create())
      assert.deepEqual(annotations, {
        'failed-open.validating.webhook.admission.k8s.io/round_0_index_0': 'hook0.example.com',
      })
    }
    assert.equal(logged.length, Object.keys(failing).length)
    const text = await registry.metrics()
    assert.match(text, /apiserver_admission_webhook_fail_open_count\{name="hook0.example.com",type="validating"\} 5/)
  })

  it('cannot send the API server elsewhere (CVE-2020-8561)', async () => {
    for (const code of [301, 302, 303, 307, 308]) {
      server.reviews.splice(0)
      const { url } = server.clientConfig('/inside')
      server.replies.set('/inside', () => ({ allowed: true }))
      server.replies.set('/hook', () => ({ code, raw: 'what is inside', location: url }))
      await configure('validating', {})
      const error = await refusal()
      assert.match(error ?? '', /failed calling webhook "hook0.example.com": failed to call webhook: /)
      assert.doesNotMatch(error ?? '', /what is inside/)
      assert.equal(server.reviews.length, 1)
    }
  })

  it('have their time, and no more', async () => {
    await configure('validating', { timeoutSeconds: 1 })
    let asked: string | undefined
    server.replies.set('/hook', (_, url) => {
      asked = url.search
      return 'hang'
    })
    const message = await refusal()
    assert.equal(asked, '?timeout=1s')
    assert.equal(
      message,
      `Internal error occurred: failed calling webhook "hook0.example.com": failed to call webhook: Post "https://127.0.0.1:${server.port}/hook?timeout=1s": context deadline exceeded`,
    )
  })

  it('are believed only with a certificate of their bundle', async () => {
    await configure('validating', { clientConfig: { url: server.clientConfig('/hook').url } })
    assert.match(await refusal(), /failed to call webhook: Post "https:.*(certificate|issuer)/)
    assert.equal(server.reviews.length, 0)
  })

  it('of Services are reached at an endpoint, by the Service’s name', async () => {
    const service = { namespace: 'default', name: 'hook', path: '/hook', port: 8443 }
    await configure('validating', { clientConfig: { service, caBundle: server.caBundle } })
    assert.match(
      await refusal(),
      /failed calling webhook "hook0\.example\.com": failed to call webhook: Post "https:\/\/hook\.default\.svc:8443\/hook\?timeout=5s": service "hook" not found$/,
    )
    await fixture.put('services', {
      metadata: { namespace: 'default', name: 'hook' },
      spec: { ports: [{ name: 'https', port: 8443 }] },
    } as KubeObject)
    assert.match(await refusal(), /no endpoints available for service "hook"$/)
    await fixture.put('endpointslices.discovery.k8s.io', {
      metadata: { namespace: 'default', name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: [{ name: 'https', port: server.port }],
    } as KubeObject)
    server.replies.set('/hook', () => ({ allowed: true }))
    assert.equal(await refusal(), '')
    server.replies.set('/hook', () => 'hang')
    await configure('validating', { timeoutSeconds: 1, clientConfig: { service, caBundle: server.caBundle } })
    assert.match(
      await refusal(),
      /Post "https:\/\/hook\.default\.svc:8443\/hook\?timeout=1s": context deadline exceeded$/,
    )
  })

  it('are asked only where they match', async () => {
    server.replies.set('/hook', () => ({ allowed: false }))
    const asked = async (webhook: object, request: TestRequest = create()) => {
      await configure('validating', webhook)
      return (await refusal(request)) !== ''
    }
    assert.equal(await asked({ rules: [{ ...rules[0], resources: ['deployments'] }] }), false)
    assert.equal(await asked({ rules: [{ ...rules[0], operations: ['UPDATE'] }] }), false)
    assert.equal(await asked({ rules: [{ ...rules[0], scope: 'Cluster' }] }), false)
    assert.equal(await asked({ namespaceSelector: { matchLabels: { env: 'test' } } }), false)
    assert.equal(await asked({ namespaceSelector: { matchLabels: { env: 'prod' } } }), true)
    assert.equal(await asked({ objectSelector: { matchLabels: { a: 'b' } } }), false)
    assert.equal(
      await asked({ objectSelector: { matchLabels: { a: 'b' } } }, create({ object: pod({ a: 'b' }) })),
      true,
    )
    assert.equal(await asked({ matchConditions: [{ name: 'c', expression: "object.metadata.name == 'q'" }] }), false)
    assert.equal(await asked({ matchConditions: [{ name: 'c', expression: "request.operation == 'CREATE'" }] }), true)
    const configuration = { resource: `validatingwebhookconfigurations.${group}`, object: { metadata: { name: 'x' } } }
    assert.equal(await asked({}, configuration), false)
    const hpa = {
      resource: 'horizontalpodautoscalers.autoscaling',
      object: {
        metadata: { namespace: 'default', name: 'h' },
        spec: { maxReplicas: 3, scaleTargetRef: { kind: 'D', name: 'd' } },
      },
    }
    const v1 = [
      { operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] },
    ]
    assert.equal(await asked({ rules: v1, matchPolicy: 'Equivalent' }, hpa as TestRequest), true)
    assert.equal(server.reviews.at(-1)?.request.object?.apiVersion, 'autoscaling/v1')
  })

  it('take part in dry runs only where they say that they leave no traces', async () => {
    server.replies.set('/hook', () => ({ allowed: true }))
    await configure('validating', { sideEffects: 'Unknown' })
    assert.equal(
      await refusal(create({ dryRun: true })),
      'admission webhook "hook0.example.com" does not support dry run',
    )
    await configure('validating', { sideEffects: 'NoneOnDryRun' })
    assert.equal(await refusal(create({ dryRun: true })), '')
    assert.equal(server.reviews[0]?.request['dryRun'], true)
  })

  describe('that mutate', () => {
    /** Through the chain, which asks again where that is wanted. */
    const admitted = async (...plugins: readonly AdmissionPlugin[]): Promise<Pod> => {
      const object = { ...pod(), kind: 'Pod', apiVersion: 'v1' }
      const plugin: AdmissionPlugin = {
        name: 'chain',
        operations: ['CREATE'],
        admit: (attributes: AdmissionAttributes) => createAdmissionChain([mutating, ...plugins]).mutate(attributes),
      }
      return (await fixture.admit(plugin, create({ object }))).object as Pod
    }
    const label = (name: string) => patchReply({ op: 'add', path: `/metadata/labels/${name}`, value: 'yes' })

    it('patch, one after the other', async () => {
      await configure(
        'mutating',
        { clientConfig: server.clientConfig('/a') },
        { clientConfig: server.clientConfig('/b') },
      )
      server.replies.set('/a', () => label('a'))
      server.replies.set('/b', ({ request }) => {
        assert.deepEqual(request.object?.metadata?.labels, { a: 'yes' })
        return label('b')
      })
      assert.deepEqual((await admitted()).metadata?.labels, { a: 'yes', b: 'yes' })
      assert.equal(server.reviews.length, 2)
    })

    it('are asked again, once, where somebody after them changes the object', async () => {
      const again = { clientConfig: server.clientConfig('/a'), reinvocationPolicy: 'IfNeeded' }
      await configure('mutating', again, { clientConfig: server.clientConfig('/b') })
      const seen: object[] = []
      server.replies.set('/a', ({ request }) => {
        seen.push(request.object?.metadata?.labels ?? {})
        return { allowed: true }
      })
      server.replies.set('/b', () => label('b'))
      assert.deepEqual((await admitted()).metadata?.labels, { b: 'yes' })
      assert.deepEqual(seen, [{}, { b: 'yes' }])
      assert.equal(server.reviews.length, 3)
    })

    it('are not asked again where nobody does, or where they do not want it', async () => {
      await configure(
        'mutating',
        { clientConfig: server.clientConfig('/b') },
        { clientConfig: server.clientConfig('/a') },
      )
      server.replies.set('/a', () => ({ allowed: true }))
      server.replies.set('/b', () => label('b'))
      await admitted()
      assert.equal(server.reviews.length, 2)
    })

    it('fail the request with a patch that does not fit', async () => {
      await configure('mutating', {})
      server.replies.set('/hook', () => patchReply({ op: 'replace', path: '/spec/nowhere/x', value: 1 }))
      await assert.rejects(admitted(), (error) => error instanceof StatusError && error.code === 500)
      server.replies.set('/hook', () => patchReply({ op: 'replace', path: '/spec/containers', value: 'none' }))
      await assert.rejects(admitted(), (error) => error instanceof StatusError && error.code === 500)
      server.replies.set('/hook', () => ({ allowed: true, patch: 'e30=' }))
      await assert.rejects(admitted(), /webhook returned response\.patch but not response\.patchType/)
    })

    it('cannot pollute prototypes', async () => {
      await configure('mutating', {})
      server.replies.set('/hook', () => patchReply({ op: 'add', path: '/metadata/labels/__proto__', value: 'x' }))
      await admitted()
      assert.equal(({} as Record<string, unknown>)['x'], undefined)
      assert.equal(Object.getPrototypeOf({}), Object.prototype)
    })
  })
})
