/** Expressions in webhooks, policies and device classes are refused where cel-go would refuse them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldError } from '../meta/field-error.ts'
import { validateDeviceClass } from '../resource/validation.ts'
import type { MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '../types.ts'
import { validateMutatingAdmissionPolicy, validateValidatingAdmissionPolicy } from './validate-policies.ts'
import { validateValidatingWebhooks } from './validate-webhooks.ts'

const matchConstraints = {
  matchPolicy: 'Equivalent',
  resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] }],
}
type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>
const policy = (spec: Partial<Spec>): FieldError[] =>
  validateValidatingAdmissionPolicy({
    metadata: { name: 'p.example.com' },
    spec: { failurePolicy: 'Fail', matchConstraints, validations: [{ expression: 'true' }], ...spec },
  })
const shown = (errors: readonly FieldError[]): string[] => errors.map(({ field, detail }) => `${field}: ${detail}`)
const underline = (expression: string, column: number): string => `\n | ${expression}\n | ${'.'.repeat(column - 1)}^`

describe('expressions of a ValidatingAdmissionPolicy', () => {
  it('may read the object, the request, the namespace, parameters, variables and the authorizer', () => {
    const errors = policy({
      paramKind: { apiVersion: 'rules.example.com/v1', kind: 'ReplicaLimit' },
      variables: [
        { name: 'containers', expression: 'object.spec.template.spec.containers' },
        { name: 'images', expression: 'variables.containers.map(c, c.image)' },
      ],
      matchConditions: [{ name: 'not-nodes', expression: "!('system:nodes' in request.userInfo.groups)" }],
      validations: [
        {
          expression: 'object.spec.replicas <= params.maxReplicas',
          messageExpression: "'at most ' + string(params.max)",
        },
        { expression: "variables.images.all(i, i.startsWith('registry.example.com/'))" },
        { expression: "has(namespaceObject.metadata.labels) && namespaceObject.metadata.labels['env'] == 'prod'" },
        { expression: "authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()" },
        { expression: "authorizer.requestResource.check('delete').allowed()" },
        { expression: "quantity(object.spec.size).isLessThan(quantity('10Gi')) && !has(oldObject.spec)" },
      ],
      auditAnnotations: [{ key: 'high', valueExpression: "'replicas: ' + string(object.spec.replicas)" }],
    })
    assert.deepEqual(shown(errors), [])
  })

  it('are refused where they do not parse, name what is not there, or do not fit', () => {
    const refused = (expression: string) => shown(policy({ validations: [{ expression }] }))
    const at = (expression: string, column: number, message: string) => [
      `spec.validations[0].expression: Invalid value: ${JSON.stringify(expression)}: compilation failed: ERROR: <input>:1:${column}: ${message}${underline(expression, column)}`,
    ]
    assert.deepEqual(
      refused('x + y').join(),
      [...at('x + y', 1, "undeclared reference to 'x' (in container '')")].join() +
        `\nERROR: <input>:1:5: undeclared reference to 'y' (in container '')${underline('x + y', 5)}`,
    )
    assert.deepEqual(refused('request.nothing == 1'), at('request.nothing == 1', 8, "undefined field 'nothing'"))
    assert.deepEqual(
      refused("1 == 'a'"),
      at("1 == 'a'", 3, "found no matching overload for '_==_' applied to '(int, string)'"),
    )
    assert.deepEqual(refused('object.spec.replicas'), [
      'spec.validations[0].expression: Invalid value: "object.spec.replicas": must evaluate to bool',
    ])
    assert.match(
      refused('1 +')[0] ?? '',
      /compilation failed: ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting \{'\['/,
    )
    assert.match(refused('params.x == 1')[0] ?? '', /undeclared reference to 'params'/)
    assert.match(refused('variables.x == 1')[0] ?? '', /undeclared reference to 'variables'/)
  })

  it('of variables see only the ones before them, and have names that CEL can read', () => {
    const errors = policy({
      variables: [
        { name: 'early', expression: 'variables.late' },
        { name: 'late', expression: '1' },
        { name: 'a-b', expression: 'true' },
        { name: 'in', expression: ' ' },
      ],
      validations: [{ expression: "variables.late == 'x'" }],
    })
    assert.deepEqual(
      errors.map(({ field, detail }) => `${field}: ${detail.split('\n')[0]}`),
      [
        'spec.variables[0].expression: Invalid value: "variables.late": compilation failed: ERROR: <input>:1:10: undefined field \'late\'',
        'spec.variables[2].name: Invalid value: "a-b": name is not a valid CEL identifier',
        'spec.variables[3].name: Invalid value: "in": name is not a valid CEL identifier',
        'spec.variables[3].expression: Required value: expression is not specified',
        `spec.validations[0].expression: Invalid value: "variables.late == 'x'": compilation failed: ERROR: <input>:1:16: found no matching overload for '_==_' applied to '(int, string)'`,
      ],
    )
  })

  it('of messages and annotations are texts', () => {
    const errors = policy({
      validations: [{ expression: 'true', messageExpression: '1', message: 'two\nlines' }],
      auditAnnotations: [
        { key: 'a', valueExpression: 'true' },
        { key: 'a', valueExpression: '' },
      ],
    })
    assert.deepEqual(shown(errors), [
      'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string',
      'spec.validations[0].message: Invalid value: "two\\nlines": message must not contain line breaks',
      'spec.auditAnnotations[0].valueExpression: Invalid value: "true": must evaluate to one of [string null_type]',
      'spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified',
      'spec.auditAnnotations[1].key: Duplicate value: "a"',
    ])
  })
})

describe('expressions of a MutatingAdmissionPolicy', () => {
  const mutating = (mutations: NonNullable<NonNullable<MutatingAdmissionPolicy['spec']>['mutations']>) =>
    shown(
      validateMutatingAdmissionPolicy({
        spec: { failurePolicy: 'Fail', reinvocationPolicy: 'Never', matchConstraints, mutations },
      }),
    )

  it('build objects or patches', () => {
    const labels = `Object{metadata: Object.metadata{labels: {'a': 'b'}}, spec: Object.spec{replicas: 1}}`
    const patch = `[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]`
    assert.deepEqual(
      mutating([
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: labels } },
        { patchType: 'JSONPatch', jsonPatch: { expression: patch } },
      ]),
      [],
    )
    assert.deepEqual(mutating([{ patchType: 'JSONPatch', jsonPatch: { expression: `{'op': 'add'}` } }]), [
      `spec.mutations[0].jsonPatch.expression: Invalid value: "{'op': 'add'}": must evaluate to list(JSONPatch)`,
    ])
    assert.match(
      mutating([{ patchType: 'JSONPatch', jsonPatch: { expression: `[JSONPatch{what: 'add'}]` } }])[0] ?? '',
      /undefined field 'what'/,
    )
  })
})

it('match conditions of webhooks know no parameters', () => {
  const errors = validateValidatingWebhooks({
    webhooks: [
      {
        name: 'a.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        clientConfig: { url: 'https://example.com' },
        matchConditions: [
          { name: 'fine', expression: "object.metadata.name != 'x' && request.operation == 'CREATE'" },
          { name: 'b/c/d', expression: 'params.x' },
        ],
      },
    ],
  })
  assert.deepEqual(
    errors.map(({ field }) => field),
    ['webhooks[0].matchConditions[1].expression', 'webhooks[0].matchConditions[1].name'],
  )
})

it('selectors of devices know the device', () => {
  const of = (expression: string) => shown(validateDeviceClass({ spec: { selectors: [{ cel: { expression } }] } }))
  assert.deepEqual(of(`device.driver == 'gpu.example.com' && device.attributes['gpu.example.com'].model == 'a100'`), [])
  assert.deepEqual(of(`device.capacity['gpu.example.com'].memory.compareTo(quantity('1Gi')) >= 0`), [])
  assert.match(
    of('device.vendor == "x"')[0] ?? '',
    /spec\.selectors\[0\]\.cel\.expression: .*undefined field 'vendor'/s,
  )
})
