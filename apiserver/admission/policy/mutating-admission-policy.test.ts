import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, MutatingAdmissionPolicy, Pod } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { mutatingAdmissionPolicy } from './mutating-admission-policy.ts'

type Spec = NonNullable<MutatingAdmissionPolicy['spec']>
type Mutations = NonNullable<Spec['mutations']>

const pod = (): KubeObject =>
  ({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      namespace: 'default',
      name: 'web',
      labels: { app: 'web' },
      managedFields: [{ manager: 'kubectl', operation: 'Update', apiVersion: 'v1' }],
    },
    spec: { containers: [{ name: 'main', image: 'web:1', env: [{ name: 'A', value: '1' }] }] },
  }) as KubeObject

describe('MutatingAdmissionPolicy', () => {
  let fixture: AdmissionFixture
  let plugin: AdmissionPlugin

  before(async () => {
    fixture = await createAdmissionFixture()
    await fixture.put('namespaces', { metadata: { name: 'default' } })
    plugin = mutatingAdmissionPolicy({
      resources: fixture.resources,
      authorizer: { authorize: () => ({ type: 'allow', reason: '' }) },
    })
    await fixture.put('mutatingadmissionpolicybindings.admissionregistration.k8s.io', {
      metadata: { name: 'bound' },
      spec: { policyName: 'policy' },
    } as KubeObject)
  })
  after(() => fixture[Symbol.dispose]())

  const policy = (mutations: Mutations, spec: Partial<Spec> = {}) =>
    fixture.put('mutatingadmissionpolicies.admissionregistration.k8s.io', {
      metadata: { name: 'policy' },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        mutations,
        ...spec,
      },
    } as KubeObject)
  const configuration = (expression: string): Mutations[number] => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression },
  })
  const patch = (expression: string): Mutations[number] => ({ patchType: 'JSONPatch', jsonPatch: { expression } })
  const admitted = async (): Promise<Pod> =>
    (await fixture.admit(plugin, { resource: 'pods', object: pod() })).object as Pod

  it('merges a configuration: lists by their keys, maps by theirs', async () => {
    await policy([
      configuration(
        `Object{metadata: Object.metadata{labels: {'team': 'a'}}, spec: Object.spec{
           containers: [Object.spec.containers{name: 'main', env: [Object.spec.containers.env{name: 'B', value: '2'}]},
                        Object.spec.containers{name: 'sidecar', image: 'proxy:1'}]}}`,
      ),
    ])
    const { metadata, spec } = await admitted()
    assert.deepEqual(metadata?.labels, { app: 'web', team: 'a' })
    assert.deepEqual(spec?.containers, [
      {
        name: 'main',
        image: 'web:1',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
      { name: 'sidecar', image: 'proxy:1' },
    ])
    assert.equal(metadata?.managedFields?.[0]?.manager, 'kubectl')
  })

  it('patches by JSON Patch, and each mutation sees the one before', async () => {
    await policy([
      patch(`[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a.b/c'), value: 'x'}]`),
      patch(
        `object.metadata.labels['a.b/c'] == 'x' ? [JSONPatch{op: 'replace', path: '/spec/containers/0/image', value: 'web:2'}] : []`,
      ),
    ])
    const { metadata, spec } = await admitted()
    assert.equal(metadata?.labels?.['a.b/c'], 'x')
    assert.equal(spec?.containers[0]?.image, 'web:2')
  })

  it('mutates only where its conditions hold', async () => {
    const mutations = [configuration(`Object{metadata: Object.metadata{labels: {'team': 'a'}}}`)]
    await policy(mutations, {
      matchConditions: [{ name: 'unlabelled', expression: `!('app' in object.metadata.labels)` }],
    })
    assert.deepEqual((await admitted()).metadata?.labels, { app: 'web' })
  })

  it('refuses the request where a mutation fails, or lets it be where that is its policy', async () => {
    const refusal = () => fixture.refusal(plugin, { resource: 'pods', object: pod() })
    const failing = {
      [`Object{spec: Object.spec{nothing: 1}}`]:
        /error applying patch: invalid ApplyConfiguration: .*nothing: field not declared in schema/,
      [`Object{spec: Object.spec{containers: [Object.spec.containers{name: 'main', command: ['x']}]}}`]:
        /may not mutate atomic arrays, maps or structs: \.spec\.containers\[\{"name":"main"\}\]\.command/,
      [`Object{metadata: Object.metadata{labels: object.nothing}}`]: /resulted in error: no such key: nothing/,
    }
    for (const [expression, message] of Object.entries(failing)) {
      await policy([configuration(expression)])
      assert.match(await refusal(), message)
      assert.match(await refusal(), /^pods "web" is forbidden: policy 'policy' with binding 'bound' denied request: /)
      await policy([configuration(expression)], { failurePolicy: 'Ignore' })
      assert.equal(await refusal(), '')
    }
    await policy([patch(`[JSONPatch{op: 'remove', path: '/spec/nowhere'}]`)])
    assert.match(await refusal(), /error applying patch/)
    await policy([patch(`[JSONPatch{op: 'add', path: '/spec/hostNetwork', value: 'yes'}]`)])
    assert.match(await refusal(), /error applying patch/)
  })
})
