import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../../../api/meta/status-error.ts'
import type { KubeObject, ResourceQuota } from '../../../api/types.ts'
import { anonymousUser } from '../../authentication/user.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { evaluateRequest } from './evaluate.ts'
import type { LimitedResource } from './limited-resources.ts'

type Amounts = Record<string, string>

const aQuota = (hard: Amounts, used: Amounts, spec: object = {}, name = 'q'): ResourceQuota => ({
  metadata: { name, namespace: 'ns', resourceVersion: '1' },
  spec: { hard, ...spec },
  status: { hard, used },
})

const aPod = (spec: object = {}, requests: Amounts = {}, limits: Amounts = {}, more: object = {}): KubeObject => ({
  metadata: { name: 'p', namespace: 'ns' },
  spec: { containers: [{ name: 'c', resources: { requests, limits } }], ...spec },
  ...more,
})

const request = (
  resource: string,
  object: KubeObject,
  more: Partial<AdmissionAttributes> = {},
): AdmissionAttributes => {
  const [plural = '', ...group] = resource.split('.')
  return {
    operation: 'CREATE',
    group: group.join('.'),
    version: 'v1',
    resource: plural,
    subresource: '',
    kind: { group: group.join('.'), version: 'v1', kind: 'X' },
    namespace: 'ns',
    name: object.metadata?.name ?? '',
    object,
    oldObject: undefined,
    user: anonymousUser,
    dryRun: false,
    warn: () => {},
    annotate: () => {},
    ...more,
  }
}

/** What is used of each quota afterwards, or the sentence that refuses. */
const outcome = (
  quotas: readonly ResourceQuota[],
  attributes: AdmissionAttributes,
  limited: readonly LimitedResource[] = [],
): string | (Amounts | undefined)[] => {
  try {
    return evaluateRequest(quotas, attributes, { limited, nowMs: 0 }).map(({ status }) => status?.used)
  } catch (error) {
    if (error instanceof StatusError) return error.message
    throw error
  }
}
const used = (quota: ResourceQuota, attributes: AdmissionAttributes) => {
  const all = outcome([quota], attributes)
  return typeof all === 'string' ? all : all[0]
}

describe('a request against quotas', () => {
  it('adds what it uses to what is used', () => {
    const quota = aQuota({ pods: '5', 'requests.cpu': '1' }, { pods: '1', 'requests.cpu': '250m' })
    const pod = aPod({}, { cpu: '750m', memory: '1Gi' })
    assert.deepEqual(used(quota, request('pods', pod)), { pods: '2', 'requests.cpu': '1' })
  })

  it('is refused if it exceeds one, which names only what it exceeds', () => {
    const quota = aQuota(
      { pods: '5', 'requests.cpu': '1', 'requests.memory': '1Gi' },
      { pods: '1', 'requests.cpu': '500m', 'requests.memory': '512Mi' },
    )
    assert.equal(
      used(quota, request('pods', aPod({}, { cpu: '600m', memory: '1Gi' }))),
      'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=600m,requests.memory=1Gi, used: requests.cpu=500m,requests.memory=512Mi, limited: requests.cpu=1,requests.memory=1Gi',
    )
    const small = aQuota({ 'count/jobs.batch': '1' }, { 'count/jobs.batch': '1' })
    const job = { metadata: { name: 'j', namespace: 'ns' } }
    assert.equal(
      used(small, request('jobs.batch', job)),
      'jobs.batch "j" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1',
    )
  })

  it('waits for the controller to have counted', () => {
    const quota = aQuota({ pods: '5', 'requests.cpu': '1', services: '1' }, { pods: '0' })
    assert.equal(
      used(quota, request('pods', aPod({}, { cpu: '1' }))),
      'pods "p" is forbidden: status unknown for quota: q, resources: pods,requests.cpu',
    )
    // Hard limits hold when the controller has taken them over.
    const fresh: ResourceQuota = { metadata: { name: 'q', namespace: 'ns' }, spec: { hard: { pods: '0' } } }
    assert.equal(used(fresh, request('pods', aPod())), undefined)
  })

  it('must state compute resources that are limited, in every container', () => {
    const quota = aQuota(
      { cpu: '1', 'limits.memory': '1Gi', 'requests.ephemeral-storage': '1Gi' },
      { cpu: '0', 'limits.memory': '0', 'requests.ephemeral-storage': '0' },
    )
    const pod = aPod({
      initContainers: [{ name: 'i' }],
      containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }, { name: 'b' }],
    })
    assert.equal(
      used(quota, request('pods', pod)),
      'pods "p" is forbidden: failed quota: q: must specify cpu for: b,i; limits.memory for: b,c,i',
    )
    const whole = aPod({ resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } } })
    assert.deepEqual(used(quota, request('pods', whole)), {
      cpu: '1',
      'limits.memory': '1Gi',
      'requests.ephemeral-storage': '0',
    })
  })

  it('that is refused by the last quota has booked on none', () => {
    const quotas = [aQuota({ pods: '5' }, { pods: '0' }, {}, 'a'), aQuota({ pods: '0' }, { pods: '0' }, {}, 'b')]
    assert.match(String(outcome(quotas, request('pods', aPod()))), /exceeded quota: b/)
    assert.deepEqual(quotas[0]?.status?.used, { pods: '0' })
    const [first, second] = evaluateRequest(
      [quotas[0] as ResourceQuota, aQuota({ secrets: '1' }, { secrets: '0' })],
      request('pods', aPod()),
      { limited: [], nowMs: 0 },
    )
    assert.notEqual(first, quotas[0])
    assert.deepEqual(second?.status?.used, { secrets: '0' })
  })

  it('that changes an object adds the difference, and never gives back', () => {
    const update = (now: KubeObject, old: KubeObject) =>
      request('services', now, { operation: 'UPDATE', oldObject: old })
    const service = (type: string, ports = 1, more: object = {}): KubeObject => ({
      metadata: { name: 's', namespace: 'ns', resourceVersion: '1' },
      spec: { type, ports: Array.from({ length: ports }, (_, index) => ({ port: index + 1 })), ...more },
    })
    const quota = aQuota(
      { services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' },
      { services: '1', 'services.nodeports': '1', 'services.loadbalancers': '0' },
    )
    assert.deepEqual(used(quota, update(service('NodePort', 2), service('NodePort'))), {
      services: '1',
      'services.nodeports': '2',
      'services.loadbalancers': '0',
    })
    assert.deepEqual(used(quota, update(service('ClusterIP'), service('NodePort'))), quota.status?.used)
    assert.match(
      String(used(quota, update(service('LoadBalancer'), service('NodePort')))),
      /requested: services.loadbalancers=1, used: services.loadbalancers=0/,
    )
    assert.match(
      String(used(quota, request('services', service('ClusterIP')))),
      /exceeded quota: q, requested: services=1/,
    )
    const without = aQuota({ 'services.nodeports': '0' }, { 'services.nodeports': '0' })
    assert.deepEqual(
      used(without, request('services', service('LoadBalancer', 3, { allocateLoadBalancerNodePorts: false }))),
      { 'services.nodeports': '0' },
    )
  })

  it('that resizes a Pod adds the difference', () => {
    const quota = aQuota({ 'requests.cpu': '2' }, { 'requests.cpu': '1' })
    const resize = (cpu: string) =>
      request('pods', aPod({}, { cpu }), {
        operation: 'UPDATE',
        subresource: 'resize',
        oldObject: aPod({}, { cpu: '1' }),
      })
    assert.deepEqual(used(quota, resize('2')), { 'requests.cpu': '2' })
    assert.match(
      String(used(quota, resize('3'))),
      /requested: requests.cpu=2, used: requests.cpu=1, limited: requests.cpu=2/,
    )
  })

  it('that takes a resize back adds nothing, for its node has not made the Pod smaller yet', () => {
    const quota = aQuota({ 'requests.cpu': '2' }, { 'requests.cpu': '2' })
    const resources = { requests: { cpu: '2' } }
    const status = {
      containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, resources }],
    }
    const running = (cpu: string) => ({ ...aPod({}, { cpu }), status })
    const resize = { operation: 'UPDATE', subresource: 'resize', oldObject: running('1') } as const
    assert.deepEqual(used(quota, request('pods', running('2'), resize)), { 'requests.cpu': '2' })
  })

  it('counts claims by storage class', () => {
    const hard = {
      'requests.storage': '10Gi',
      persistentvolumeclaims: '2',
      'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    }
    const none = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']))
    const claim = (storage: string, storageClassName: string): KubeObject => ({
      metadata: { name: 'c', namespace: 'ns' },
      spec: { storageClassName, resources: { requests: { storage } } },
    })
    assert.deepEqual(used(aQuota(hard, none), request('persistentvolumeclaims', claim('2Gi', 'silver'))), {
      ...none,
      'requests.storage': '2Gi',
      persistentvolumeclaims: '1',
    })
    assert.match(
      String(used(aQuota(hard, none), request('persistentvolumeclaims', claim('2Gi', 'gold')))),
      /exceeded quota: q, requested: gold\.storageclass\.storage\.k8s\.io\/requests\.storage=2Gi, used: gold.*=0, limited: gold.*=1Gi$/,
    )
    const bytes = aQuota({ 'requests.storage': '10' }, { 'requests.storage': '0' })
    assert.deepEqual(used(bytes, request('persistentvolumeclaims', claim('1500m', ''))), { 'requests.storage': '2' })
  })

  it('counts devices of claims by class: all of them as 32, of alternatives the most', () => {
    const names = ['a', 'b'].map((name) => `${name}.deviceclass.resource.k8s.io/devices`)
    const quota = aQuota(
      Object.fromEntries(names.map((name) => [name, '50'])),
      Object.fromEntries(names.map((name) => [name, '0'])),
    )
    const requests = [
      { name: 'x', exactly: { deviceClassName: 'a', allocationMode: 'ExactCount', count: 2 } },
      { name: 'y', exactly: { deviceClassName: 'b', allocationMode: 'All' } },
      {
        name: 'z',
        firstAvailable: [
          { name: '1', deviceClassName: 'a', count: 5 },
          { name: '2', deviceClassName: 'a', count: 3 },
          { name: '3', deviceClassName: 'b', count: 1 },
        ],
      },
    ]
    const claim = { metadata: { name: 'c', namespace: 'ns' }, spec: { devices: { requests } } }
    assert.deepEqual(used(quota, request('resourceclaims.resource.k8s.io', claim)), {
      [String(names[0])]: '7',
      [String(names[1])]: '33',
    })
  })

  it('counts extended resources and huge pages', () => {
    const quota = aQuota(
      { 'requests.example.com/gpu': '2', 'hugepages-2Mi': '1Gi' },
      { 'requests.example.com/gpu': '0', 'hugepages-2Mi': '0' },
    )
    const pod = aPod({}, { 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' })
    assert.deepEqual(used(quota, request('pods', pod)), { 'requests.example.com/gpu': '2', 'hugepages-2Mi': '4Mi' })
  })
})

describe('quotas with scopes', () => {
  const inScopes = (spec: object, pod: KubeObject): boolean => {
    const after = used(aQuota({ pods: '5' }, { pods: '0' }, spec), request('pods', pod))
    return typeof after === 'object' && after['pods'] === '1'
  }
  const affinity = (term: object) => ({
    affinity: {
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, podAffinityTerm: { topologyKey: 'k', ...term } },
        ],
      },
    },
  })
  const priority = (operator: string, ...values: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] },
  })
  const high = { priorityClassName: 'high' }
  const table: readonly [spec: object, inside: KubeObject, outside: KubeObject][] = [
    [{ scopes: ['Terminating'] }, aPod({ activeDeadlineSeconds: 0 }), aPod()],
    [{ scopes: ['NotTerminating'] }, aPod(), aPod({ activeDeadlineSeconds: 5 })],
    [{ scopes: ['BestEffort'] }, aPod(), aPod({}, { cpu: '1' })],
    [{ scopes: ['NotBestEffort'] }, aPod({}, { cpu: '1' }), aPod()],
    [
      { scopes: ['NotBestEffort', 'Terminating'] },
      aPod({ activeDeadlineSeconds: 5 }, { cpu: '1' }),
      aPod({}, { cpu: '1' }),
    ],
    [{ scopes: ['CrossNamespacePodAffinity'] }, aPod(affinity({ namespaces: ['x'] })), aPod(affinity({}))],
    [{ scopes: ['CrossNamespacePodAffinity'] }, aPod(affinity({ namespaceSelector: {} })), aPod()],
    [{ scopes: ['PriorityClass'] }, aPod(high), aPod()],
    [priority('In', 'high', 'low'), aPod(high), aPod({ priorityClassName: 'other' })],
    [priority('NotIn', 'high'), aPod(), aPod(high)],
    [priority('Exists'), aPod(high), aPod()],
    [priority('DoesNotExist'), aPod(), aPod(high)],
  ]
  for (const [spec, inside, outside] of table) {
    it(`count what is in ${JSON.stringify(spec)}`, () => {
      assert.equal(inScopes(spec, inside), true)
      assert.equal(inScopes(spec, outside), false)
    })
  }

  it('count nothing of kinds that have none', () => {
    const quota = aQuota({ 'count/jobs.batch': '0' }, { 'count/jobs.batch': '0' }, { scopes: ['BestEffort'] })
    assert.deepEqual(used(quota, request('jobs.batch', { metadata: { name: 'j' } })), { 'count/jobs.batch': '0' })
  })

  it('count claims by every attributes class that they have or may get', () => {
    const spec = {
      scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: ['fast'] }] },
    }
    const claim = (now: object, status: object = {}): KubeObject => ({ metadata: { name: 'c' }, spec: now, status })
    const counted = (object: KubeObject) =>
      used(
        aQuota({ persistentvolumeclaims: '5' }, { persistentvolumeclaims: '0' }, spec),
        request('persistentvolumeclaims', object),
      )
    const [yes, no] = [{ persistentvolumeclaims: '1' }, { persistentvolumeclaims: '0' }]
    assert.deepEqual(counted(claim({ volumeAttributesClassName: 'fast' })), yes)
    assert.deepEqual(
      counted(claim({ volumeAttributesClassName: 'slow' }, { currentVolumeAttributesClassName: 'fast' })),
      yes,
    )
    assert.deepEqual(counted(claim({ volumeAttributesClassName: 'slow' })), no)
    assert.deepEqual(counted(claim({})), no)
  })

  it('charge an object whole that comes into them by a change', () => {
    const quota = aQuota({ 'requests.cpu': '5' }, { 'requests.cpu': '0' }, { scopes: ['NotBestEffort'] })
    const resize = request('pods', aPod({}, { cpu: '1' }), {
      operation: 'UPDATE',
      subresource: 'resize',
      oldObject: aPod(),
    })
    assert.deepEqual(used(quota, resize), { 'requests.cpu': '1' })
  })
})

describe('resources that are limited without a quota', () => {
  const gold = {
    resource: 'persistentvolumeclaims',
    matchContains: ['gold.storageclass.storage.k8s.io/requests.storage'],
  }
  const claim = (storageClassName: string): KubeObject => ({
    metadata: { name: 'c', namespace: 'ns' },
    spec: { storageClassName, resources: { requests: { storage: '1Gi' } } },
  })

  it('need a quota that covers them', () => {
    const says =
      'persistentvolumeclaims "c" is forbidden: insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage'
    assert.equal(outcome([], request('persistentvolumeclaims', claim('gold')), [gold]), says)
    assert.deepEqual(outcome([], request('persistentvolumeclaims', claim('silver')), [gold]), [])
    const other = aQuota({ persistentvolumeclaims: '5' }, { persistentvolumeclaims: '0' })
    assert.equal(outcome([other], request('persistentvolumeclaims', claim('gold')), [gold]), says)
    const name = 'gold.storageclass.storage.k8s.io/requests.storage'
    assert.deepEqual(
      outcome([aQuota({ [name]: '5Gi' }, { [name]: '0' })], request('persistentvolumeclaims', claim('gold')), [gold]),
      [{ [name]: '1Gi' }],
    )
  })

  it('need a quota with the scope', () => {
    const limited = [
      { resource: 'pods', matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['critical'] }] },
    ]
    const pod = request('pods', aPod({ priorityClassName: 'critical' }))
    assert.equal(outcome([], pod, limited), 'insufficient quota to match these scopes: [{PriorityClass In [critical]}]')
    assert.deepEqual(outcome([], request('pods', aPod()), limited), [])
    const scoped = aQuota(
      { pods: '1' },
      { pods: '0' },
      { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['critical'] }] } },
    )
    assert.deepEqual(outcome([scoped], pod, limited), [{ pods: '1' }])
  })
})
