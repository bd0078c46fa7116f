/** Plugins that look at nothing but the Pod, or at one other object. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject, Pod, Toleration } from '../../../api/types.ts'
import { type AdmissionFixture, createAdmissionFixture } from '../admission-fixture.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts'
import { mergeTolerations } from './merge-tolerations.ts'
import { nodeDeclaredFeatureValidator } from './node-declared-feature-validator.ts'
import { podResizeValidator } from './pod-resize-validator.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import { priority } from './priority.ts'
import { runtimeClass } from './runtime-class.ts'
import { StatusError } from '../../../api/meta/status-error.ts'

let fixture: AdmissionFixture

const aPod = (spec: object = {}, metadata: object = {}): KubeObject => ({
  metadata: { name: 'p', namespace: 'ns', ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})

const admitted = async (...request: Parameters<AdmissionFixture['admit']>): Promise<NonNullable<Pod['spec']>> => {
  const { object } = await fixture.admit(...request)
  return (object as Pod).spec ?? { containers: [] }
}

before(async () => {
  fixture = await createAdmissionFixture()
  const zone = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r', 'kubernetes.io/os': 'linux' }
  const status = { allocatable: { cpu: '2', memory: '1Gi' } }
  await fixture.put('nodes', { metadata: { name: 'n1', labels: zone }, status })
  await fixture.put('nodes', { metadata: { name: 'w', labels: { 'kubernetes.io/os': 'windows' } }, status })
  const classes = 'priorityclasses.scheduling.k8s.io'
  await fixture.put(classes, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' })
  const runtime = 'runtimeclasses.node.k8s.io'
  await fixture.put(runtime, { metadata: { name: 'plain' }, handler: 'h' })
  await fixture.put(runtime, {
    metadata: { name: 'vm' },
    handler: 'h',
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: {
      nodeSelector: { kvm: 'yes' },
      tolerations: [{ key: 'kvm', operator: 'Exists' }],
    },
  })
})
after(() => fixture[Symbol.dispose]())

describe('AlwaysPullImages', () => {
  it('has every image pulled, of new Pods and of updates that bring one', async () => {
    const pod = aPod({
      initContainers: [{ name: 'i', image: 'j', imagePullPolicy: 'Never' }],
      volumes: [{ name: 'v', image: { reference: 'k' } }],
    })
    const { containers, initContainers, volumes } = await admitted(alwaysPullImages, { resource: 'pods', object: pod })
    assert.deepEqual(
      [containers[0]?.imagePullPolicy, initContainers?.[0]?.imagePullPolicy, volumes?.[0]?.image?.pullPolicy],
      ['Always', 'Always', 'Always'],
    )
    const update = (image: string) =>
      admitted(alwaysPullImages, {
        operation: 'UPDATE',
        resource: 'pods',
        object: aPod({ containers: [{ name: 'c', image, imagePullPolicy: 'Never' }] }),
        oldObject: aPod({ containers: [{ name: 'c', image: 'i', imagePullPolicy: 'Never' }] }),
      })
    assert.equal((await update('i')).containers[0]?.imagePullPolicy, 'Never')
    assert.equal((await update('new')).containers[0]?.imagePullPolicy, 'Always')
  })
})

describe('LimitPodHardAntiAffinityTopology', () => {
  it('lets a Pod keep others out of its node only', async () => {
    const pod = (topologyKey: string): KubeObject =>
      aPod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } } })
    const refusal = (key: string) =>
      fixture.refusal(limitPodHardAntiAffinityTopology, { resource: 'pods', object: pod(key) })
    assert.equal(await refusal('kubernetes.io/hostname'), '')
    assert.equal(
      await refusal('zone'),
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    )
  })
})

describe('ExtendedResourceToleration', () => {
  it('tolerates the taint of each device that is asked for', async () => {
    const requests = {
      cpu: '1',
      'example.com/gpu': '1',
      'a.example.com/x': '1',
      'requests.example.com/no': '1',
      'x.kubernetes.io/native': '1',
    }
    const tolerations = [{ key: 'example.com/gpu', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }]
    const spec = await admitted(extendedResourceToleration, {
      resource: 'pods',
      object: aPod({ containers: [{ name: 'c', resources: { requests } }], tolerations }),
    })
    assert.deepEqual(spec.tolerations, [
      { key: 'example.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
      { key: 'a.example.com/x', operator: 'Exists', effect: 'NoSchedule' },
    ])
  })
})

describe('DefaultTolerationSeconds', () => {
  it('adds what the Pod does not tolerate by itself', async () => {
    const plugin = defaultTolerationSeconds({ notReadySeconds: 1, unreachableSeconds: 2 })
    const tolerate = async (...tolerations: Toleration[]) =>
      (await admitted(plugin, { resource: 'pods', object: aPod({ tolerations }) })).tolerations?.map(
        ({ key = '*', tolerationSeconds }) => `${key} ${tolerationSeconds}`,
      )
    const both = ['node.kubernetes.io/not-ready 1', 'node.kubernetes.io/unreachable 2']
    assert.deepEqual(await tolerate(), both)
    assert.deepEqual(await tolerate({ operator: 'Exists' }), ['* undefined'])
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 9 }
    assert.deepEqual(await tolerate(own), ['node.kubernetes.io/not-ready 9', both[1]])
    assert.deepEqual(await tolerate({ ...own, effect: 'NoSchedule' }), ['node.kubernetes.io/not-ready 9', ...both])
  })
})

describe('merged tolerations', () => {
  const exists = { key: 'a', operator: 'Exists' }
  const table: readonly [first: Toleration[], second: Toleration[], merged: Toleration[]][] = [
    [[exists], [exists], [exists]],
    [[exists], [{ key: 'a', operator: 'Equal', value: 'v' }], [exists]],
    [[{ key: 'a', operator: 'Equal', value: 'v', effect: 'NoSchedule' }], [exists], [exists]],
    [
      [{ ...exists, effect: 'NoSchedule' }],
      [{ ...exists, effect: 'NoExecute' }],
      [
        { ...exists, effect: 'NoSchedule' },
        { ...exists, effect: 'NoExecute' },
      ],
    ],
    [[{ operator: 'Exists' }], [exists, { key: 'b', operator: 'Exists' }], [{ operator: 'Exists' }]],
    [
      [{ ...exists, effect: 'NoExecute', tolerationSeconds: 5 }],
      [{ ...exists, effect: 'NoExecute', tolerationSeconds: 9 }],
      [{ ...exists, effect: 'NoExecute', tolerationSeconds: 9 }],
    ],
    [
      [{ key: 'a', operator: 'Equal', value: 'v' }],
      [{ key: 'a', operator: 'Equal', value: 'w' }],
      [
        { key: 'a', operator: 'Equal', value: 'v' },
        { key: 'a', operator: 'Equal', value: 'w' },
      ],
    ],
  ]
  for (const [first, second, merged] of table)
    it(`of ${JSON.stringify(first)} and ${JSON.stringify(second)}`, () =>
      assert.deepEqual(mergeTolerations(first, second), merged))
})

describe('Priority', () => {
  const plugin = () => priority(fixture.resource('priorityclasses.scheduling.k8s.io'))

  it('resolves the class of new Pods, and lets nobody choose the number', async () => {
    const resolve = async (spec: object) => {
      const {
        priority: value,
        priorityClassName,
        preemptionPolicy,
      } = await admitted(plugin(), { resource: 'pods', object: aPod(spec) })
      return [value, priorityClassName, preemptionPolicy]
    }
    assert.deepEqual(await resolve({}), [0, undefined, 'PreemptLowerPriority'])
    assert.deepEqual(await resolve({ priorityClassName: 'high' }), [1000, 'high', 'Never'])
    const refusal = (spec: object) => fixture.refusal(plugin(), { resource: 'pods', object: aPod(spec) })
    assert.equal(
      await refusal({ priorityClassName: 'none' }),
      'pods "p" is forbidden: no PriorityClass with name none was found',
    )
    assert.equal(
      await refusal({ priorityClassName: 'high', priority: 5 }),
      'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    )
    assert.equal(
      await refusal({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }),
      'pods "p" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    )
  })

  it('keeps what was resolved when a Pod is updated by who does not know the fields', async () => {
    const old = aPod({ priority: 7, preemptionPolicy: 'Never' })
    const spec = await admitted(plugin(), { operation: 'UPDATE', resource: 'pods', object: aPod(), oldObject: old })
    assert.deepEqual([spec.priority, spec.preemptionPolicy], [7, 'Never'])
  })

  it('allows one global default, the lowest if there are more', async () => {
    const resource = 'priorityclasses.scheduling.k8s.io'
    const fallback = (name: string, value: number): KubeObject => ({ metadata: { name }, value, globalDefault: true })
    assert.equal(await fixture.refusal(plugin(), { resource, object: fallback('x', 1) }), '')
    await fixture.put(resource, fallback('x', 20))
    await fixture.put(resource, fallback('y', 10))
    assert.equal((await admitted(plugin(), { resource: 'pods', object: aPod() })).priority, 10)
    const says =
      'priorityclasses.scheduling.k8s.io "z" is forbidden: PriorityClass y is already marked as default. Only one default can exist'
    assert.equal(await fixture.refusal(plugin(), { resource, object: fallback('z', 1) }), says)
    const update = { operation: 'UPDATE', resource, object: fallback('y', 10), oldObject: fallback('y', 10) } as const
    assert.equal(await fixture.refusal(plugin(), update), '')
  })
})

describe('RuntimeClass', () => {
  const plugin = () => runtimeClass(fixture.resource('runtimeclasses.node.k8s.io'))

  it('gives overhead, selector and tolerations', async () => {
    const object = aPod({
      runtimeClassName: 'vm',
      nodeSelector: { a: 'b' },
      tolerations: [{ key: 'kvm', operator: 'Equal', value: 'x' }],
    })
    const spec = await admitted(plugin(), { resource: 'pods', object })
    assert.deepEqual(spec.overhead, { cpu: '250m' })
    assert.deepEqual(spec.nodeSelector, { a: 'b', kvm: 'yes' })
    assert.deepEqual(spec.tolerations, [{ key: 'kvm', operator: 'Exists' }])
  })

  const differs = "pods \"p\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
  const rows: readonly [spec: object, says: string][] = [
    [{}, ''],
    [{ runtimeClassName: 'plain' }, ''],
    [{ runtimeClassName: 'vm', overhead: { cpu: '0.25' } }, ''],
    [{ runtimeClassName: 'vm', overhead: { cpu: '1' } }, differs],
    [{ runtimeClassName: 'none' }, 'pods "p" is forbidden: pod rejected: RuntimeClass "none" not found'],
    [
      { overhead: { cpu: '1' } },
      'pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      { runtimeClassName: 'plain', overhead: { cpu: '1' } },
      'pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      { runtimeClassName: 'vm', nodeSelector: { kvm: 'no' } },
      'pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[kvm] = yes; pod.spec.nodeSelector[kvm] = no',
    ],
  ]
  for (const [spec, says] of rows)
    it(`judges ${JSON.stringify(spec)}`, async () =>
      assert.equal(await fixture.refusal(plugin(), { resource: 'pods', object: aPod(spec) }), says))
})

describe('PodTopologyLabels', () => {
  const zone = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' }
  const plugin = () => podTopologyLabels(fixture.resource('nodes'))
  const labelsOf = async (resource: string, object: KubeObject) => {
    const { object: after } = await fixture.admit(plugin(), { resource, object })
    return after?.metadata?.labels
  }

  it('copies zone and region of the node to bindings and bound Pods, over what they say', async () => {
    const labels = { a: 'b', 'topology.kubernetes.io/zone': 'mine' }
    assert.deepEqual(await labelsOf('pods', aPod({ nodeName: 'n1' }, { labels })), { a: 'b', ...zone })
    assert.deepEqual(await labelsOf('pods', aPod({}, { labels })), labels)
    const binding = (kind: string, name: string): KubeObject => ({
      metadata: { name: 'p', namespace: 'ns' },
      target: { kind, name },
    })
    assert.deepEqual(await labelsOf('pods/binding', binding('Node', 'n1')), zone)
    assert.equal(await labelsOf('pods/binding', binding('', 'n1')), undefined)
    assert.equal(await labelsOf('pods/binding', binding('Node', 'nowhere')), undefined)
  })
})

describe('NodeDeclaredFeatureValidator', () => {
  it('lets Pods be changed only as their node declares that it can', async () => {
    const declaredFeatures = ['GuaranteedQoSPodCPUResize']
    await fixture.put('nodes', { metadata: { name: 'able' }, status: { declaredFeatures } })
    const bound = (nodeName: string, cpu: string, generation: number, more: object = {}): KubeObject => ({
      metadata: { name: 'p', namespace: 'ns', generation },
      spec: { nodeName, containers: [{ name: 'c', resources: { requests: { cpu } } }], ...more },
      status: { qosClass: 'Guaranteed' },
    })
    const refusal = (object: KubeObject, oldObject: KubeObject, resource = 'pods/resize') =>
      fixture.refusal(nodeDeclaredFeatureValidator(fixture.resource('nodes')), {
        operation: 'UPDATE',
        resource,
        object,
        oldObject,
      })
    const says = (features: string, node: string): string =>
      `pods "p" is forbidden: pod update requires features ${features} which are not available on node "${node}"`
    assert.equal(await refusal(bound('able', '2', 2), bound('able', '1', 1)), '')
    assert.equal(await refusal(bound('n1', '2', 2), bound('n1', '1', 1)), says('GuaranteedQoSPodCPUResize', 'n1'))
    assert.equal(await refusal(bound('n1', '1000m', 2), bound('n1', '1', 1)), '')
    assert.equal(await refusal(bound('n1', '2', 1), bound('n1', '1', 1)), '')
    assert.equal(await refusal(bound('', '2', 2), bound('', '1', 1)), '')
    assert.equal(await refusal(bound('n1', '2', 2), bound('n1', '1', 1), 'pods/status'), '')
    assert.equal(await refusal(bound('n1', '2', 2), { ...bound('n1', '1', 1), status: { qosClass: 'Burstable' } }), '')
    const whole = { resources: { requests: { cpu: '4' } } }
    assert.equal(
      await refusal(bound('able', '1', 2, whole), bound('able', '1', 1)),
      says('InPlacePodLevelResourcesVerticalScaling', 'able'),
    )
    assert.equal(
      await refusal(bound('gone', '2', 2), bound('gone', '1', 1)),
      'pods "p" is forbidden: node "gone" not found',
    )
  })
})

describe('PodResizeValidator', () => {
  const resized = (requests: Record<string, string>, nodeName: string): KubeObject =>
    aPod({ nodeName, containers: [{ name: 'c', resources: { requests } }] }, { generation: 2 })
  const refused = async (requests: Record<string, string>, nodeName = 'n1', generation = 1) => {
    const oldObject = aPod({ nodeName }, { generation })
    const request = {
      operation: 'UPDATE',
      resource: 'pods/resize',
      object: resized(requests, nodeName),
      oldObject,
    } as const
    const error: unknown = await fixture.admit(podResizeValidator(fixture.resource('nodes')), request).then(
      () => undefined,
      (caught: unknown) => caught,
    )
    return error instanceof StatusError ? `${error.message} ${JSON.stringify(error.details?.causes ?? [])}` : ''
  }

  it('refuses what the node could never grant', async () => {
    assert.equal(await refused({ cpu: '2', memory: '1Gi' }), '')
    assert.equal(
      await refused({ cpu: '2500m', memory: '2Gi' }),
      'pods "p" is forbidden: Node didn\'t have enough allocatable resources: cpu, requested: 2500, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824 [{"reason":"NodeCapacity"}]',
    )
    assert.equal(await refused({ cpu: '9' }, '', 1), '')
    assert.equal(await refused({ cpu: '9' }, 'n1', 2), '')
    assert.equal(await refused({ cpu: '1' }, 'gone'), 'pods "p" is forbidden: node "gone" not found []')
    assert.equal(
      await refused({ cpu: '1' }, 'w'),
      'pods "p" is forbidden: pod resize is only supported on linux nodes, node "w" is "windows" [{"reason":"UnsupportedPlatform"}]',
    )
  })
})
