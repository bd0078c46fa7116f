import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openApiV3Document } from '../openapi/v3.ts'
import { type Gvk, typesOfKind } from './openapi-types.ts'
import { kindsToCheck, resourcesToCheck, typeCheck } from './type-check.ts'

const gvkOf = (group: string, version: string, kind: string): Gvk => ({ group, version, kind })
const deployment = gvkOf('apps', 'v1', 'Deployment')
const daemonSet = gvkOf('apps', 'v1', 'DaemonSet')
const configMap = gvkOf('', 'v1', 'ConfigMap')

const typesOf = (gvk: Gvk, name = 'object') => {
  const key = gvk.group === '' ? `api/${gvk.version}` : `apis/${gvk.group}/${gvk.version}`
  return typesOfKind(openApiV3Document(key), gvk, name) ?? assert.fail(`no ${gvk.kind}`)
}
const kinds = (...gvks: readonly Gvk[]) => gvks.map((gvk) => ({ gvk, types: typesOf(gvk) }))
const validations = (...expressions: readonly string[]) => ({
  validations: expressions.map((expression) => ({ expression })),
})
const rule = (apiGroups: string[], apiVersions: string[], resources: string[]) => ({
  apiGroups,
  apiVersions,
  resources,
  operations: ['*' as const],
})

describe('type checking of policies', () => {
  it('warns of fields that a kind does not have, with place and kind', () => {
    assert.deepEqual(typeCheck(validations('object.replicas > 1'), kinds(deployment), undefined), [
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n",
      },
    ])
  })

  it('warns for each kind by itself, and of messages too', () => {
    const spec = {
      validations: [{ expression: 'object.spec.replicas > 1', messageExpression: '"at " + object.spec.where' }],
    }
    const warnings = typeCheck(spec, kinds(daemonSet, deployment), undefined)
    assert.deepEqual(
      warnings.map(({ fieldRef, warning }) => [fieldRef, warning.match(/^.*Kind=\w+: ERROR.*$/gm)]),
      [
        [
          'spec.validations[0].expression',
          ["apps/v1, Kind=DaemonSet: ERROR: <input>:1:12: undefined field 'replicas'"],
        ],
        [
          'spec.validations[0].messageExpression',
          [
            "apps/v1, Kind=DaemonSet: ERROR: <input>:1:20: undefined field 'where'",
            "apps/v1, Kind=Deployment: ERROR: <input>:1:20: undefined field 'where'",
          ],
        ],
      ],
    )
  })

  it('knows types, metadata, maps, lists, int-or-string, requests and variables', () => {
    const spec = {
      variables: [
        { name: 'containers', expression: 'object.spec.template.spec.containers' },
        { name: 'names', expression: 'variables.containers.map(c, c.name)' },
      ],
      ...validations(
        'object.metadata.labels["a"] == "b" && object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
        'object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == "25%"',
        'variables.names.all(n, n.startsWith("a")) && oldObject.spec.replicas <= object.spec.replicas',
        'request.userInfo.username == "x" && authorizer.requestResource.check("get").allowed()',
        'object.spec.replicas == "one"',
        'variables.names[0] == 1',
        'variables.missing',
      ),
    }
    assert.deepEqual(
      typeCheck(spec, kinds(deployment), undefined).map(({ fieldRef, warning }) => [fieldRef, warning.split('\n')[0]]),
      [
        [
          'spec.validations[4].expression',
          "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_==_' applied to '(int, string)'",
        ],
        [
          'spec.validations[5].expression',
          "apps/v1, Kind=Deployment: ERROR: <input>:1:20: found no matching overload for '_==_' applied to '(string, int)'",
        ],
        ['spec.validations[6].expression', "apps/v1, Kind=Deployment: ERROR: <input>:1:10: undefined field 'missing'"],
      ],
    )
  })

  it('knows parameters by their kind', () => {
    const params = typesOf(configMap, 'params')
    const spec = validations('int(params.data["max"]) > object.spec.replicas', 'params.spec.max > 1')
    assert.deepEqual(
      typeCheck(spec, kinds(deployment), params).map(({ fieldRef }) => fieldRef),
      ['spec.validations[1].expression'],
    )
  })

  it('checks what rules name, and nothing that they leave open', () => {
    const of = (...resourceRules: ReturnType<typeof rule>[]) =>
      resourcesToCheck({ matchConstraints: { resourceRules } })
    assert.deepEqual(of(rule(['apps'], ['v1'], ['deployments', '*', 'daemonsets', 'deployments/scale'])), [
      [
        { group: 'apps', version: 'v1', resource: 'daemonsets' },
        { group: 'apps', version: 'v1', resource: 'deployments' },
      ],
    ])
    assert.deepEqual(of(rule(['*'], ['v1'], ['pods']), rule([''], ['*'], ['pods'])), [[], []])
    assert.deepEqual(resourcesToCheck({}), [])
  })

  it('checks ten kinds of a rule, in order, and skips what is not served', async () => {
    const resources = Array.from({ length: 15 }, (_, index) => `kinds${String(index).padStart(2, '0')}`)
    const matchConstraints = { resourceRules: [rule(['b', 'a'], ['v1'], resources)] }
    const found = await kindsToCheck({ matchConstraints }, ({ group, version, resource }) =>
      Promise.resolve(resource === 'kinds01' ? undefined : { group, version, kind: resource }),
    )
    assert.equal(found.length, 10)
    assert.deepEqual(found.slice(0, 2), [gvkOf('a', 'v1', 'kinds00'), gvkOf('a', 'v1', 'kinds02')])
  })

  it('is not undone by a schema that contains itself', () => {
    const crd = gvkOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition')
    const spec = validations('object.spec.versions.all(v, has(v.schema.openAPIV3Schema.properties))')
    assert.deepEqual(typeCheck(spec, kinds(crd), undefined), [])
  })
})
