/**
 * Whatever is asked of Services, in whatever order and of whichever server: after each answer the store marks just what
 * the Services hold, each once, and a Service that was refused a change is as it was. Two registries on one store in
 * memory, with ranges so small that they are often full. KUBETS_SEED has a run again.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { serviceKind } from '../../api/core/service.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import type { KubeObject, Service } from '../../api/types.ts'
import { createObject } from '../../apiserver/registry/create.ts'
import { deleteObject } from '../../apiserver/registry/delete.ts'
import type { Resource } from '../../apiserver/registry/resource.ts'
import { serveKinds, type Served } from '../../apiserver/registry/serve-kinds.ts'
import { parseServiceRanges } from '../../apiserver/registry/services/ip-range.ts'
import { createServiceMetrics } from '../../apiserver/registry/services/metrics.ts'
import { decodePorts } from '../../apiserver/registry/services/port-bitmap.ts'
import { updateObject } from '../../apiserver/registry/update.ts'
import { createLeasePool } from '../../apiserver/storage/lease-pool.ts'
import { createMemoryKeyValue } from '../../apiserver/storage/memory-key-value.ts'
import { createRevisionReader } from '../../apiserver/storage/consistent-read.ts'
import type { KeyValueStore } from '../../apiserver/storage/key-value.ts'
import { EventHub } from '../../apiserver/storage/watch-cache/event-hub.ts'
import { realClock } from '../../component-base/clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { Registry } from '../../component-base/metrics/prometheus.ts'
import { runSeed, type SeededRandom, seededRandom } from '../harness/seeded-random.ts'
import { aServiceCidr, ipsOf, portsOf, type ServiceSpec } from './services/fixtures.ts'

const log = createLogger('test')
const options = { dryRun: false, clock: realClock, validating: async (): Promise<void> => {} }
const networking = (resource: string) => ({ group: 'networking.k8s.io', version: 'v1', resource })
const core = (resource: string) => ({ group: '', version: 'v1', resource })

const serve = async (store: KeyValueStore, signal: AbortSignal): Promise<Served> => {
  const hub = new EventHub(store, '/registry', log)
  await hub.start(signal)
  const deps = {
    store,
    hub,
    leases: createLeasePool((seconds) => store.grantLease(seconds), realClock),
    currentRevision: createRevisionReader(() => store.currentRevision()),
  }
  const config = {
    etcdPrefix: '/registry',
    eventTtlSeconds: 3600,
    serviceRanges: parseServiceRanges('10.0.0.0/28,fd00::/124'),
    nodePorts: { first: 30000, last: 30007 },
    serves: () => true,
  }
  return serveKinds(config, deps, createServiceMetrics(new Registry()), log)
}

/** A spec, often one that cannot be had. */
const randomSpec = (random: SeededRandom): ServiceSpec => {
  const type = random.pick(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'ClusterIP'] as const)
  const policy = random.pick([undefined, undefined, 'SingleStack', 'PreferDualStack', 'RequireDualStack'] as const)
  const families = random.pick([undefined, undefined, undefined, ['IPv4'], ['IPv6'], ['IPv6', 'IPv4']] as const)
  const clusterIP = random.pick([undefined, undefined, undefined, 'None', '10.0.0.5', 'FD00::5', '11.0.0.1'] as const)
  const nodePort = (): number => random.pick([0, 0, 0, 30003, 30004, 99] as const)
  const ports = Array.from({ length: 1 + random.below(2) }, (_, index) => ({
    // A port of that number is refused after everything has been claimed.
    port: random.oneIn(12) ? 70_000 : 80 + index,
    name: `p${index}`,
    protocol: random.pick(['TCP', 'UDP'] as const),
    ...(type === 'ClusterIP' && !random.oneIn(6) ? {} : { nodePort: nodePort() }),
  }))
  return {
    type,
    ports,
    ...(random.oneIn(4) ? {} : { selector: { app: 'a' } }),
    ...(policy === undefined ? {} : { ipFamilyPolicy: policy }),
    ...(families === undefined ? {} : { ipFamilies: [...families] }),
    ...(clusterIP === undefined ? {} : { clusterIP }),
    ...(type === 'ExternalName' ? { externalName: 'a.b' } : {}),
    ...(type !== 'ExternalName' && random.oneIn(3) && type !== 'ClusterIP' ? { externalTrafficPolicy: 'Local' } : {}),
    ...(type === 'LoadBalancer' && random.oneIn(2) ? { allocateLoadBalancerNodePorts: false } : {}),
  }
}

const withDefaults = (service: Service): Service => {
  serviceKind.setDefaults?.(service)
  return service
}

const aService = (name: string, spec: ServiceSpec): Service =>
  withDefaults({ kind: 'Service', apiVersion: 'v1', metadata: { namespace: 'ns', name }, spec })

/** A client's change: the spec anew, or some fields of it over the stored one. */
const changed = (current: KubeObject | undefined, name: string, random: SeededRandom): Service => {
  const spec = randomSpec(random)
  if (current === undefined || random.oneIn(3)) return aService(name, spec)
  const stored = structuredClone(current) as Service
  const fields = Object.entries(spec).filter(() => random.oneIn(2))
  return withDefaults({ ...stored, spec: { ...stored.spec, ...Object.fromEntries(fields) } })
}

const refusals: readonly string[] = ['Invalid', 'InternalError', 'AlreadyExists', 'NotFound', 'Conflict', '']

/** False if it was refused; anything but a refusal is thrown. */
const done = async (work: Promise<unknown>): Promise<boolean> => {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof StatusError && refusals.includes(error.reason)) return false
    throw error
  }
}

const objectsOf = async (resource: Resource): Promise<KubeObject[]> => {
  await resource.store.consistent()
  return resource.store.cache.range().map(({ object }) => object)
}

describe('the accounts of Services', () => {
  const seed = runSeed()
  it(`are right after each of 1500 answers (KUBETS_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(seed)
    const store = createMemoryKeyValue()
    const stop = new AbortController()
    const [first, second] = [await serve(store, stop.signal), await serve(store, stop.signal)]
    const cidr = {
      kind: 'ServiceCIDR',
      apiVersion: 'networking.k8s.io/v1',
      ...aServiceCidr('all', '10.0.0.0/28', 'fd00::/124'),
    }
    await createObject(first.resources.get(networking('servicecidrs')), cidr, options)
    const check = async (): Promise<void> => {
      const services = (await objectsOf(first.resources.get(core('services')))) as Service[]
      const addresses = await objectsOf(first.resources.get(networking('ipaddresses')))
      const { current } = await store.get('/registry/ranges/servicenodeports')
      const held = services.flatMap(ipsOf).map((ip) => ip.toLowerCase())
      const ports = services.flatMap(portsOf)
      assert.deepEqual(addresses.map(({ metadata }) => metadata?.name ?? '').toSorted(), held.toSorted())
      assert.deepEqual(new Set(current === undefined ? [] : decodePorts(current.value)), new Set(ports))
      assert.equal(new Set(ports).size, ports.length, 'a port is held twice')
    }
    const act = async (name: string, dryRun: boolean): Promise<boolean> => {
      const asked = { ...options, dryRun }
      const services = random.pick([first, second]).resources.get(core('services'))
      const at = { namespace: 'ns', name }
      switch (random.below(6)) {
        case 0:
        case 1:
          return done(createObject(services, aService(name, randomSpec(random)), asked))
        case 2:
          return done(deleteObject(services, at, { ...asked, options: {} }))
        default: {
          const draw = random.below(2 ** 31)
          const transform = (current: KubeObject | undefined): KubeObject => changed(current, name, seededRandom(draw))
          return done(updateObject(services, at, transform, { ...asked, scope: 'main' }))
        }
      }
    }
    const outcomes = { done: 0, refused: 0 }
    for (let step = 0; step < 1500; step++) {
      const name = `s${random.below(9)}`
      const before = (await store.get(`/registry/services/specs/ns/${name}`)).current?.modRevision
      const dryRun = random.oneIn(8)
      const isDone = await act(name, dryRun)
      outcomes[isDone ? 'done' : 'refused'] += 1
      const after = (await store.get(`/registry/services/specs/ns/${name}`)).current?.modRevision
      if (!isDone || dryRun) assert.equal(after, before, `step ${step}: what was refused, or only tried, is changed`)
      await check().catch((error: unknown) => {
        throw new Error(`step ${step}, ${name}`, { cause: error })
      })
    }
    // Neither side of the rules was left out.
    assert.ok(outcomes.done > 300 && outcomes.refused > 300, JSON.stringify(outcomes))
    stop.abort()
  })

  it(`are right after 60 rounds of answers at once (KUBETS_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(seed + 1)
    const store = createMemoryKeyValue()
    const stop = new AbortController()
    const servers = [await serve(store, stop.signal), await serve(store, stop.signal)] as const
    const cidr = {
      kind: 'ServiceCIDR',
      apiVersion: 'networking.k8s.io/v1',
      ...aServiceCidr('all', '10.0.0.0/28', 'fd00::/124'),
    }
    await createObject(servers[0].resources.get(networking('servicecidrs')), cidr, options)
    for (let round = 0; round < 60; round++) {
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const services = random.pick(servers).resources.get(core('services'))
          const at = { namespace: 'ns', name: `s${random.below(5)}` }
          const draw = seededRandom(random.below(2 ** 31))
          if (draw.oneIn(3)) return done(deleteObject(services, at, { ...options, options: {} }))
          if (draw.oneIn(2)) return done(createObject(services, aService(at.name, randomSpec(draw)), options))
          return done(
            updateObject(services, at, (current) => changed(current, at.name, draw), { ...options, scope: 'main' }),
          )
        }),
      )
      const services = (await objectsOf(servers[0].resources.get(core('services')))) as Service[]
      const addresses = await objectsOf(servers[0].resources.get(networking('ipaddresses')))
      const { current } = await store.get('/registry/ranges/servicenodeports')
      const held = services.flatMap(ipsOf).map((ip) => ip.toLowerCase())
      const ports = services.flatMap(portsOf)
      assert.deepEqual(
        addresses.map(({ metadata }) => metadata?.name ?? '').toSorted(),
        held.toSorted(),
        `round ${round}`,
      )
      assert.deepEqual(
        new Set(current === undefined ? [] : decodePorts(current.value)),
        new Set(ports),
        `round ${round}`,
      )
      assert.equal(new Set(ports).size, ports.length, `round ${round}: a port is held twice`)
    }
    stop.abort()
  })
})
