import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { KubeObject, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { validatingAdmissionPolicy } from './validating-admission-policy.ts'

const deployments = [
  { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
]
const deployment = (replicas: number, labels: Record<string, string> = {}): KubeObject =>
  ({ metadata: { namespace: 'shop', name: 'web', labels }, spec: { replicas } }) as KubeObject

describe('ValidatingAdmissionPolicy', () => {
  let fixture: AdmissionFixture
  let plugin: AdmissionPlugin
  const asked: string[] = []
  let round = 0
  let names: { policy: string; binding: string }

  before(async () => {
    fixture = await createAdmissionFixture()
    await fixture.put('namespaces', { metadata: { name: 'shop', labels: { env: 'prod' } } })
    plugin = validatingAdmissionPolicy({
      resources: fixture.resources,
      authorizer: {
        // Answers later, as a webhook would.
        authorize: async ({ verb, resource, user }) => {
          asked.push(`${user.name} ${verb} ${resource}`)
          return verb === 'breakglass' && user.name === 'root'
            ? { type: 'allow', reason: '' }
            : { type: 'no-opinion', reason: 'no' }
        },
      },
    })
  })
  after(() => fixture[Symbol.dispose]())

  type PolicySpec = NonNullable<ValidatingAdmissionPolicy['spec']>
  type BindingSpec = Partial<NonNullable<ValidatingAdmissionPolicyBinding['spec']>>
  /** Replaces the policy of the test before; there is one at a time. */
  const policy = async (spec: PolicySpec, binding: BindingSpec = {}): Promise<void> => {
    if (round > 0) {
      const nothing = { failurePolicy: 'Fail', matchConstraints: { resourceRules: [] } }
      await fixture.put('validatingadmissionpolicies.admissionregistration.k8s.io', {
        metadata: { name: names.policy },
        spec: nothing,
      } as KubeObject)
    }
    round++
    names = { policy: `p${round}`, binding: `b${round}` }
    const matchConstraints = { matchPolicy: 'Equivalent', resourceRules: deployments }
    await fixture.put('validatingadmissionpolicies.admissionregistration.k8s.io', {
      metadata: { name: names.policy },
      spec: { failurePolicy: 'Fail', matchConstraints, ...spec },
    } as KubeObject)
    await fixture.put('validatingadmissionpolicybindings.admissionregistration.k8s.io', {
      metadata: { name: names.binding },
      spec: { policyName: names.policy, validationActions: ['Deny'], ...binding },
    } as KubeObject)
  }
  const origin = () => `ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}'`
  const refusal = (object: KubeObject, user = 'alice') =>
    fixture.refusal(plugin, { resource: 'deployments.apps', object, user: { name: user } })
  const denied = (text: string) => `deployments.apps "web" is forbidden: ${origin()} denied request: ${text}`

  beforeEach(() => asked.splice(0))

  it('refuses what its expressions refuse, with the message that they have', async () => {
    await policy({ validations: [{ expression: 'object.spec.replicas <= 5' }] })
    assert.equal(await refusal(deployment(5)), '')
    assert.equal(await refusal(deployment(6)), denied('failed expression: object.spec.replicas <= 5'))

    await policy({
      variables: [{ name: 'limit', expression: "namespaceObject.metadata.labels['env'] == 'prod' ? 5 : 50" }],
      validations: [
        {
          expression: 'object.spec.replicas <= variables.limit',
          message: 'too many',
          messageExpression: "'at most ' + string(variables.limit) + ' in ' + request.namespace",
        },
      ],
    })
    assert.equal(await refusal(deployment(6)), denied('at most 5 in shop'))

    await policy({ validations: [{ expression: 'false', message: 'plainly', messageExpression: 'object.nothing' }] })
    assert.equal(await refusal(deployment(6)), denied('plainly'))
  })

  it('answers with the reason that it gives', async () => {
    await policy({ validations: [{ expression: 'false', reason: 'Unauthorized' }] })
    const request = { resource: 'deployments.apps', object: deployment(1) }
    await assert.rejects(fixture.admit(plugin, request), { code: 401, reason: 'Unauthorized' })
    await policy({ validations: [{ expression: 'false' }] })
    await assert.rejects(fixture.admit(plugin, request), { code: 422, reason: 'Invalid' })
  })

  it('is asked only where rules, selectors and conditions match', async () => {
    const validations = [{ expression: 'false' }]
    await policy({
      matchConstraints: {
        resourceRules: deployments,
        objectSelector: { matchLabels: { app: 'web' } },
        namespaceSelector: { matchLabels: { env: 'prod' } },
      },
      matchConditions: [{ name: 'not-root', expression: "request.userInfo.username != 'root'" }],
      validations,
    })
    assert.equal(await refusal(deployment(1)), '')
    assert.match(await refusal(deployment(1, { app: 'web' })), /failed expression: false/)
    assert.equal(await refusal(deployment(1, { app: 'web' }), 'root'), '')
    assert.equal(await fixture.refusal(plugin, { resource: 'pods', object: deployment(1, { app: 'web' }) }), '')
    assert.equal(
      await fixture.refusal(plugin, { resource: 'deployments.apps/status', object: deployment(1, { app: 'web' }) }),
      '',
    )
    await policy({ validations }, { matchResources: { namespaceSelector: { matchLabels: { env: 'test' } } } })
    assert.equal(await refusal(deployment(1)), '')
  })

  it('fails closed, or open where it says so', async () => {
    const broken = { validations: [{ expression: 'object.spec.nothing == 1' }] }
    await policy(broken)
    const text = "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"
    assert.equal(await refusal(deployment(1)), denied(text))
    await policy({ ...broken, failurePolicy: 'Ignore' })
    assert.equal(await refusal(deployment(1)), '')
    await policy({
      paramKind: { apiVersion: 'example.com/v1', kind: 'Nothing' },
      validations: [{ expression: 'true' }],
    })
    assert.match(
      await refusal(deployment(1)),
      /failed to configure binding: failed to find resource referenced by paramKind/,
    )
  })

  it('stops expressions that cost too much', async () => {
    const ten = '[0,1,2,3,4,5,6,7,8,9]'
    const bomb = `${ten}.all(a, ${ten}.all(b, ${ten}.all(c, ${ten}.all(d, ${ten}.all(e, ${ten}.all(f, a >= 0))))))`
    await policy({ validations: [{ expression: bomb }] })
    assert.match(await refusal(deployment(1)), /resulted in error: operation cancelled: actual cost limit exceeded/)
  })

  it('warns and notes where its binding wants no more', async () => {
    await policy(
      {
        validations: [{ expression: 'object.spec.replicas < 3', message: 'many' }],
        auditAnnotations: [{ key: 'replicas', valueExpression: 'string(object.spec.replicas)' }],
      },
      { validationActions: ['Warn', 'Audit'] },
    )
    const { warnings, annotations } = await fixture.admit(plugin, {
      resource: 'deployments.apps',
      object: deployment(4),
    })
    assert.deepEqual(warnings, [`Validation failed for ${origin()}: many`])
    assert.equal(annotations[`${names.policy}/replicas`], '4')
    assert.deepEqual(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'] ?? ''), [
      {
        message: 'many',
        policy: names.policy,
        binding: names.binding,
        expressionIndex: 0,
        validationActions: ['Warn', 'Audit'],
      },
    ])
  })

  it('gets parameters by name and by selector, from the namespace of the request or another', async () => {
    const put = (name: string, max: string, labels = {}) =>
      fixture.put('configmaps', { metadata: { namespace: 'shop', name, labels }, data: { max } } as KubeObject)
    await put('strict', '1', { kind: 'limits' })
    await put('loose', '9', { kind: 'limits' })
    const spec: PolicySpec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [
        { expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: "'max ' + params.data.max" },
      ],
    }
    await policy(spec, { paramRef: { name: 'loose', parameterNotFoundAction: 'Deny' } })
    assert.equal(await refusal(deployment(4)), '')
    await policy(spec, { paramRef: { selector: { matchLabels: { kind: 'limits' } }, parameterNotFoundAction: 'Deny' } })
    assert.equal(await refusal(deployment(4)), denied('max 1'))
    await policy(spec, { paramRef: { name: 'gone', parameterNotFoundAction: 'Deny' } })
    assert.match(await refusal(deployment(4)), /no params found for policy binding with `Deny` parameterNotFoundAction/)
    await policy(spec, { paramRef: { name: 'gone', parameterNotFoundAction: 'Allow' } })
    assert.equal(await refusal(deployment(4)), '')
  })

  it('asks the authorizer, once a question', async () => {
    const check = `authorizer.group('apps').resource('deployments').namespace(request.namespace).check('breakglass').allowed()`
    await policy({ validations: [{ expression: `${check} || ${check} || object.spec.replicas < 3` }] })
    assert.equal(await refusal(deployment(9), 'root'), '')
    assert.match(await refusal(deployment(9), 'eve'), /failed expression/)
    assert.deepEqual(asked, ['root breakglass deployments', 'eve breakglass deployments'])
    await policy({
      validations: [{ expression: "authorizer.serviceAccount('shop', 'bot').path('/healthz').check('get').denied()" }],
    })
    assert.equal(await refusal(deployment(1)), '')
    assert.deepEqual(asked.at(-1), 'system:serviceaccount:shop:bot get ')
  })

  it('leaves policies and reviews alone', async () => {
    const rules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }]
    await policy({ matchConstraints: { resourceRules: rules }, validations: [{ expression: 'false' }] })
    const resource = 'validatingadmissionpolicies.admissionregistration.k8s.io'
    assert.equal(await fixture.refusal(plugin, { resource, object: { metadata: { name: 'x' } } }), '')
    for (const review of ['tokenreviews.authentication.k8s.io', 'subjectaccessreviews.authorization.k8s.io']) {
      assert.equal(await fixture.refusal(plugin, { resource: review, object: { metadata: {} } }), '')
    }
    assert.match(await refusal(deployment(1)), /failed expression: false/)
  })
})
