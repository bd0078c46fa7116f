import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { staleObject } from '../../api/meta/status-error.ts'
import { deviceClasses, resourceClaims, type ResourceRef, resourceSlices } from '../../api/resources.ts'
import type { Device } from '../../api/resource/device-expressions.ts'
import type { DeviceClass, KubeObject, Pod, ResourceClaim, ResourceSlice } from '../../api/types.ts'
import { objectKey } from '../../client/cache/store.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { CycleState } from '../framework/cycle-state.ts'
import { newDiagnosis } from '../framework/diagnosis.ts'
import { fakeInformers } from '../testing/fake-informers.ts'
import { aPod } from '../testing/fixtures.ts'
import { labelled, onePlugin } from '../testing/one-plugin.ts'
import { dynamicResources } from './dynamic-resources.ts'

type Request = NonNullable<NonNullable<NonNullable<ResourceClaim['spec']>['devices']>['requests']>[number]
type Exactly = NonNullable<Request['exactly']>
type ClaimDevices = NonNullable<NonNullable<ResourceClaim['spec']>['devices']>
type SliceSpec = NonNullable<ResourceSlice['spec']>

const driver = 'gpu.example.com'
let version = 10

const gpus: DeviceClass = {
  metadata: { name: 'gpu', resourceVersion: '1' },
  spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
}

const exactly = (more: Partial<Exactly> = {}, name = 'r'): Request => ({
  name,
  exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1, ...more },
})
const aClaim = (name: string, requests: Request[] = [exactly()], more: Partial<ClaimDevices> = {}): ResourceClaim => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(++version) },
  spec: { devices: { requests, ...more } },
  status: {},
})
const using = (...names: string[]): Pod =>
  aPod({ resourceClaims: names.map((resourceClaimName, index) => ({ name: `c${index}`, resourceClaimName })) })

const device = (name: string, attributes: Device['attributes'] = {}, more: Partial<Device> = {}): Device => ({
  name,
  attributes,
  ...more,
})
const aSlice = (name: string, devices: Device[], more: Partial<SliceSpec> = {}): ResourceSlice => ({
  metadata: { name, resourceVersion: '1' },
  spec: {
    driver,
    nodeName: 'a',
    pool: { name: 'a', generation: 1, resourceSliceCount: 1 },
    devices,
    ...more,
  },
})

const nodes = [labelled('a', { zone: 'za' }), labelled('b', { zone: 'zb' })]

const open = (
  slices: ResourceSlice[],
  claims: ResourceClaim[],
  { classes = [gpus], change = {} }: { classes?: DeviceClass[]; change?: Partial<RestClient> } = {},
) => {
  const fake = fakeInformers()
  const put = (ref: ResourceRef, objects: readonly KubeObject[]) => objects.forEach((object) => fake.set(ref, object))
  const written: ResourceClaim[] = []
  const client: Partial<RestClient> = {
    update: (_ref, object) => {
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } }
      written.push(stored as unknown as ResourceClaim)
      return Promise.resolve(stored)
    },
    ...change,
  }
  const tested = onePlugin(dynamicResources, { nodes, informers: fake.factory, change: client })
  put(deviceClasses, classes)
  put(resourceSlices, slices)
  put(resourceClaims, claims)
  return { ...tested, fake, written }
}

type Opened = ReturnType<typeof open>

/** Filter and Reserve on a node. */
const reserve = ({ framework, cache }: Opened, pod: Pod, nodeName: string): CycleState => {
  const cycle = new CycleState()
  framework.preFilter(cycle, pod, cache.nodes)
  const info = cache.get(nodeName)
  assert.ok(info)
  assert.equal(framework.filter(cycle, pod, info), undefined)
  assert.equal(framework.reserve(cycle, pod, nodeName), undefined)
  return cycle
}

const bind = async (opened: Opened, pod: Pod, nodeName: string): Promise<ResourceClaim[]> => {
  const { framework, written } = opened
  const cycle = reserve(opened, pod, nodeName)
  const groups = framework.preBindGroups(cycle, pod, nodeName)
  await framework.preBind(cycle, pod, { nodeName, signal: new AbortController().signal, groups })
  return written
}

/** The devices that one claim of a Pod would get on node `a`, as `request=device`. */
const chosen = async (slices: ResourceSlice[], claim: ResourceClaim): Promise<string[]> => {
  const written = await bind(open(slices, [claim]), using(claim.metadata?.name ?? ''), 'a')
  const results = written.at(-1)?.status?.allocation?.devices?.results ?? []
  return results.map((result) => `${result.request}=${result.device}`)
}

const changed = () => staleObject({ group: 'resource.k8s.io', resource: 'resourceclaims' }, 'c')
const unresolvable = (reason: string): string => `UnschedulableAndUnresolvable: ${reason}`
const notEnough = unresolvable('cannot allocate all claims')
const three = [
  device('d0', { mem: { int: 10 } }),
  device('d1', { mem: { int: 20 } }),
  device('d2', { mem: { int: 30 } }),
]
const cel = (expression: string) => ({ selectors: [{ cel: { expression } }] })

describe('DynamicResources', () => {
  it('keeps a Pod out of the queue until its claims are there', () => {
    const templated = aPod({ resourceClaims: [{ name: 'c', resourceClaimTemplateName: 't' }] })
    const name = templated.metadata?.name ?? ''
    const { framework, rejection, hint } = open([aSlice('s', three)], [])
    const reason = `pod "default/${name}": ResourceClaim not created yet`
    assert.deepEqual(framework.preEnqueue(templated)?.reasons, [reason])
    assert.equal(rejection(templated, 'a'), unresolvable(reason))
    assert.deepEqual(framework.preEnqueue(using('x'))?.reasons, ['could not find ResourceClaim "default/x"'])
    assert.equal(framework.preEnqueue(aPod()), undefined)
    const generated = { ...templated, status: { resourceClaimStatuses: [{ name: 'c', resourceClaimName: 'made' }] } }
    const told = { resource: 'TargetPod', action: 'UpdatePodGeneratedResourceClaim' } as const
    assert.equal(hint(templated, told, { old: templated, current: generated }), 'Skip', 'the claim is not there')
  })

  it('wants the claim of a template to be its own', () => {
    const pod = aPod({ resourceClaims: [{ name: 'c', resourceClaimTemplateName: 't' }] })
    const generated = { ...pod, status: { resourceClaimStatuses: [{ name: 'c', resourceClaimName: 'made' }] } }
    const { rejection } = open([aSlice('s', three)], [aClaim('made')])
    const name = pod.metadata?.name ?? ''
    assert.equal(
      rejection(generated, 'a'),
      unresolvable(`ResourceClaim default/made was not created for Pod default/${name} (Pod is not owner)`),
    )
  })

  it('goes only where there are devices', () => {
    const { rejection } = open([aSlice('s', three)], [aClaim('c')])
    assert.equal(rejection(using('c'), 'a'), undefined)
    assert.equal(rejection(using('c'), 'b'), notEnough)
    assert.equal(rejection(aPod(), 'b'), undefined)
  })

  it('needs the class to exist', () => {
    const { rejection } = open([aSlice('s', three)], [aClaim('c')], { classes: [] })
    assert.equal(rejection(using('c'), 'a'), unresolvable('request r: device class gpu does not exist'))
  })

  const cases: { what: string; claim: ResourceClaim; slices?: ResourceSlice[]; expected: string[] | 'none' }[] = [
    { what: 'takes the first device', claim: aClaim('c'), expected: ['r=d0'] },
    { what: 'takes several', claim: aClaim('c', [exactly({ count: 2 })]), expected: ['r=d0', 'r=d1'] },
    { what: 'needs enough of them', claim: aClaim('c', [exactly({ count: 4 })]), expected: 'none' },
    {
      what: 'chooses by attribute',
      claim: aClaim('c', [exactly(cel(`device.attributes["${driver}"].mem > 15`))]),
      expected: ['r=d1'],
    },
    {
      what: 'chooses by capacity',
      claim: aClaim('c', [exactly(cel(`device.capacity["${driver}"].mem.isGreaterThan(quantity("1Gi"))`))]),
      slices: [
        aSlice('s', [
          device('small', {}, { capacity: { mem: { value: '1Gi' } } }),
          device('big', {}, { capacity: { mem: { value: '2Gi' } } }),
        ]),
      ],
      expected: ['r=big'],
    },
    {
      what: 'finds nothing in domains that the device does not have',
      claim: aClaim('c', [exactly(cel('"x" in device.attributes["other.example.com"]'))]),
      expected: 'none',
    },
    {
      what: 'compares versions',
      claim: aClaim('c', [exactly(cel(`device.attributes["${driver}"].v.isGreaterThan(semver("1.10.0"))`))]),
      slices: [aSlice('s', [device('old', { v: { version: '1.9.0' } }), device('new', { v: { version: '1.11.0' } })])],
      expected: ['r=new'],
    },
    {
      what: 'goes back where the first choice leaves nothing for the next request',
      claim: aClaim('c', [
        exactly(cel('true'), 'any'),
        exactly(cel(`device.attributes["${driver}"].mem == 10`), 'ten'),
      ]),
      expected: ['any=d1', 'ten=d0'],
    },
    { what: 'takes all', claim: aClaim('c', [exactly({ allocationMode: 'All' })]), expected: ['r=d0', 'r=d1', 'r=d2'] },
    {
      what: 'takes all that match',
      claim: aClaim('c', [exactly({ allocationMode: 'All', ...cel(`device.attributes["${driver}"].mem > 15`) })]),
      expected: ['r=d1', 'r=d2'],
    },
    {
      what: 'wants one at least for all',
      claim: aClaim('c', [exactly({ allocationMode: 'All', ...cel('false') })]),
      expected: 'none',
    },
    {
      what: 'takes the first alternative that is to be had',
      claim: aClaim('c', [
        {
          name: 'r',
          firstAvailable: [
            { name: 'four', deviceClassName: 'gpu', count: 4 },
            { name: 'two', deviceClassName: 'gpu', count: 2 },
          ],
        },
      ]),
      expected: ['r/two=d0', 'r/two=d1'],
    },
    {
      what: 'takes devices that have an attribute in common',
      claim: aClaim('c', [exactly({ count: 2 })], { constraints: [{ matchAttribute: `${driver}/numa` }] }),
      slices: [
        aSlice('s', [
          device('n0', { numa: { int: 0 } }),
          device('n1', { numa: { int: 1 } }),
          device('bare'),
          device('n1b', { numa: { int: 1 } }),
        ]),
      ],
      expected: ['r=n1', 'r=n1b'],
    },
    {
      what: 'constrains the named requests alone',
      claim: aClaim('c', [exactly({}, 'x'), exactly({}, 'y'), exactly({}, 'z')], {
        constraints: [{ matchAttribute: `${driver}/numa`, requests: ['x', 'z'] }],
      }),
      slices: [
        aSlice('s', [
          device('n0', { numa: { int: 0 } }),
          device('n1', { numa: { int: 1 } }),
          device('n0b', { numa: { int: 0 } }),
        ]),
      ],
      expected: ['x=n0', 'y=n1', 'z=n0b'],
    },
    {
      what: 'takes no devices that need features which are off',
      claim: aClaim('c'),
      slices: [
        aSlice('s', [
          device('conditional', {}, { bindingConditions: ['ready'] }),
          device('counted', {}, { consumesCounters: [{ counterSet: 'x', counters: {} }] }),
        ]),
      ],
      expected: 'none',
    },
    {
      what: 'uses the newest generation of a pool',
      claim: aClaim('c'),
      slices: [
        aSlice('old', [device('gone')]),
        aSlice('new', [device('fresh')], { pool: { name: 'a', generation: 2, resourceSliceCount: 1 } }),
      ],
      expected: ['r=fresh'],
    },
    {
      what: 'waits for the rest of a pool',
      claim: aClaim('c'),
      slices: [aSlice('s', three, { pool: { name: 'a', generation: 1, resourceSliceCount: 2 } })],
      expected: 'none',
    },
  ]
  for (const { what, claim, slices = [aSlice('s', three)], expected } of cases) {
    it(what, async () => {
      const name = claim.metadata?.name ?? ''
      if (expected === 'none') assert.equal(open(slices, [claim]).rejection(using(name), 'a'), notEnough)
      else assert.deepEqual(await chosen(slices, claim), expected)
    })
  }

  it('says that pools are invalid whose devices have one name', () => {
    const { rejection } = open([aSlice('s', [device('d'), device('d')])], [aClaim('c')])
    assert.equal(rejection(using('c'), 'a'), unresolvable('invalid resource pools were encountered'))
  })

  it('fails where an expression does', () => {
    const broken = aClaim('c', [exactly(cel(`device.attributes["${driver}"].absent`))])
    const { rejection } = open([aSlice('s', three)], [broken])
    assert.throws(() => rejection(using('c'), 'a'), /claim default\/c: selector #0: CEL runtime error: no such key/)
  })

  it('gives a device to one claim, and back when the Pod comes to nothing', () => {
    const opened = open([aSlice('s', [device('only')])], [aClaim('c'), aClaim('d')])
    const pod = using('c')
    const cycle = reserve(opened, pod, 'a')
    assert.equal(opened.rejection(using('d'), 'a'), notEnough)
    const inProcess = 'resource claim default/c is in the process of being allocated'
    assert.equal(opened.rejection(using('c'), 'a'), unresolvable(inProcess))
    opened.framework.unreserve(cycle, pod, 'a')
    assert.equal(opened.rejection(using('d'), 'a'), undefined)
  })

  it('lets administrators in beside others', async () => {
    const admin = aClaim('admin', [exactly({ adminAccess: true })])
    const opened = open([aSlice('s', [device('only')])], [aClaim('c'), admin])
    reserve(opened, using('c'), 'a')
    const written = await bind(opened, using('admin'), 'a')
    assert.equal(written.at(-1)?.status?.allocation?.devices?.results?.[0]?.adminAccess, true)
  })

  it('writes finalizer, allocation and reservation, and holds the devices until the informer has them', async () => {
    const config = [{ opaque: { driver, parameters: { mode: 'fast' } } }]
    const withConfig: DeviceClass = { ...gpus, spec: { ...gpus.spec, config } }
    const own = [{ requests: ['r'], opaque: { driver, parameters: { own: true } } }]
    const claim = aClaim('c', [exactly()], { config: own })
    const opened = open([aSlice('s', [device('only')])], [claim, aClaim('d')], { classes: [withConfig] })
    const pod = using('c')
    const [kept, bound] = await bind(opened, pod, 'a')
    assert.deepEqual(kept?.metadata?.finalizers, ['resource.kubernetes.io/delete-protection'])
    assert.deepEqual(bound?.status, {
      allocation: {
        devices: {
          results: [{ request: 'r', driver, pool: 'a', device: 'only' }],
          config: [
            { source: 'FromClass', opaque: { driver, parameters: { mode: 'fast' } } },
            { source: 'FromClaim', opaque: { driver, parameters: { own: true } } },
          ],
        },
        nodeSelector: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
        },
      },
      reservedFor: [{ resource: 'pods', name: pod.metadata?.name, uid: pod.metadata?.uid }],
    })
    assert.equal(opened.rejection(using('d'), 'a'), notEnough)
    opened.fake.set(resourceClaims, bound)
    assert.equal(opened.rejection(using('d'), 'a'), notEnough)
    assert.equal(opened.rejection(using('c'), 'a'), undefined, 'it may be shared')
    const elsewhere = unresolvable('resourceclaim not available on the node')
    assert.equal(opened.rejection(using('c'), 'b'), elsewhere)
    opened.fake.set(resourceClaims, { ...claim, metadata: { ...claim.metadata, resourceVersion: '9999' } })
    assert.equal(opened.rejection(using('d'), 'a'), undefined, 'deallocated')
  })

  it('tries again after a conflict, and gives up where somebody else was faster', async () => {
    const claim = aClaim('c')
    const latest = { ...claim, metadata: { ...claim.metadata, resourceVersion: '5000' } }
    let conflicts = 1
    const change: Partial<RestClient> = {
      get: () => Promise.resolve(latest as never),
      update: (_ref, object) => (conflicts-- > 0 ? Promise.reject(changed()) : Promise.resolve(object)),
    }
    const pod = using('c')
    const opened = open([aSlice('s', three)], [claim], { change })
    await bind(opened, pod, 'a')
    const taken = { ...latest, status: { allocation: {} } }
    const late = open([aSlice('s', three)], [claim], {
      change: { get: () => Promise.resolve(taken as never), update: () => Promise.reject(changed()) },
    })
    await assert.rejects(bind(late, pod, 'a'), /claim default\/c got allocated elsewhere in the meantime/)
  })

  it('prefers nodes where better alternatives are to be had', () => {
    const request: Request = {
      name: 'r',
      firstAvailable: [
        { name: 'two', deviceClassName: 'gpu', count: 2 },
        { name: 'one', deviceClassName: 'gpu', count: 1 },
      ],
    }
    const onB = { nodeName: 'b', pool: { name: 'b', generation: 1, resourceSliceCount: 1 } }
    const { scores } = open([aSlice('s', [device('d')]), aSlice('t', three, onB)], [aClaim('c', [request])])
    assert.deepEqual(scores(using('c')), { a: 87, b: 100 })
  })

  it('has a claim give its devices back where they are out of reach', async () => {
    const claim = aClaim('c')
    const nodeSelector = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['zx'] }] }],
    }
    const results = [{ request: 'r', driver, pool: 'x', device: 'd' }]
    const allocated = { ...claim, status: { allocation: { nodeSelector, devices: { results } } } }
    const opened = open([], [allocated])
    const pod = using('c')
    const cycle = new CycleState()
    opened.framework.preFilter(cycle, pod, opened.cache.nodes)
    for (const info of opened.cache.nodes) assert.notEqual(opened.framework.filter(cycle, pod, info), undefined)
    const { rejection } = await opened.framework.postFilter(cycle, pod, newDiagnosis())
    assert.deepEqual(rejection?.reasons, ['deallocation of ResourceClaim completed'])
    assert.equal(opened.written[0]?.status?.allocation, undefined)
    const none = await opened.framework.postFilter(new CycleState(), aPod(), newDiagnosis())
    assert.deepEqual(none.rejection?.reasons, ['no new claims to deallocate'])
  })

  it('reaches devices by node selector, and remembers it', async () => {
    const term = { matchExpressions: [{ key: 'zone', operator: 'In', values: ['za'] }] }
    const { nodeName: _none, ...spec } = aSlice('s', three).spec ?? {
      driver,
      pool: { name: 'a', generation: 1, resourceSliceCount: 1 },
    }
    const shared: ResourceSlice = {
      metadata: { name: 's', resourceVersion: '1' },
      spec: { ...spec, nodeSelector: { nodeSelectorTerms: [term] } },
    }
    const opened = open([shared], [aClaim('c')])
    assert.equal(opened.rejection(using('c'), 'b'), notEnough)
    const written = await bind(opened, using('c'), 'a')
    assert.deepEqual(written.at(-1)?.status?.allocation?.nodeSelector, { nodeSelectorTerms: [term] })
  })

  it('wakes Pods for their own claims and for devices that come free', () => {
    const claim = aClaim('c')
    const { hint } = open([], [claim])
    const updated = { resource: 'resource.k8s.io/ResourceClaim', action: 'UpdateOther' } as const
    const allocated = (name: string): ResourceClaim => ({ ...aClaim(name), status: { allocation: {} } })
    assert.equal(hint(using('c'), updated, { old: allocated('x'), current: aClaim('x') }), 'Queue')
    assert.equal(hint(using('c'), updated, { old: aClaim('x'), current: allocated('x') }), 'Skip')
    assert.equal(hint(using('c'), updated, { old: claim, current: claim }), 'Skip')
    assert.equal(hint(using('c'), updated, { old: claim, current: allocated('c') }), 'Queue')
    assert.equal(hint(using('missing'), updated, { old: allocated('x'), current: aClaim('x') }), 'Skip')
    const key = objectKey(claim)
    assert.equal(key, 'default/c')
  })
})
