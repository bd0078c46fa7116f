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
import { defaultGates } from '../../apiserver/features/feature-gates.ts'
import { parseRuntimeConfig } from '../../apiserver/features/runtime-config.ts'
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
    runtimeConfig: parseRuntimeConfig([], { byDefault: [], optional: [] }),
    gates: defaultGates,
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

interface World extends Disposable {
  readonly store: KeyValueStore
  readonly servers: readonly [Served, Served]
}

/** Two servers on one store that have given nothing yet. */
const setUp = async (): Promise<World> => {
  const store = createMemoryKeyValue()
  const stop = new AbortController()
  const servers = [await serve(store, stop.signal), await serve(store, stop.signal)] as const
  const cidr = aServiceCidr('all', '10.0.0.0/28', 'fd00::/124')
  const resource = servers[0].resources.get(networking('servicecidrs'))
  await createObject(resource, { kind: 'ServiceCIDR', apiVersion: 'networking.k8s.io/v1', ...cidr }, options)
  return { store, servers, [Symbol.dispose]: () => stop.abort() }
}

/** The store marks just what the Services hold, each once. */
const assertAccounts = async ({ store, servers: [{ resources }] }: World, when: string): Promise<void> => {
  const services = (await objectsOf(resources.get(core('services')))) as Service[]
  const addresses = await objectsOf(resources.get(networking('ipaddresses')))
  const { current } = await store.get('/registry/ranges/servicenodeports')
  const held = services.flatMap(ipsOf).map((ip) => ip.toLowerCase())
  const ports = services.flatMap(portsOf)
  assert.deepEqual(addresses.map(({ metadata }) => metadata?.name ?? '').toSorted(), held.toSorted(), when)
  assert.deepEqual(new Set(current === undefined ? [] : decodePorts(current.value)), new Set(ports), when)
  assert.equal(new Set(ports).size, ports.length, `${when}: a port is held twice`)
}

interface Act {
  readonly services: Resource
  readonly name: string
  readonly random: SeededRandom
  readonly dryRun: boolean
}

/** One request, whatever it may be; false if it was refused. */
const act = ({ services, name, random, dryRun }: Act): Promise<boolean> => {
  const at = { namespace: 'ns', name }
  const asked = { ...options, dryRun }
  switch (random.below(6)) {
    case 0:
    case 1:
      return done(createObject(services, aService(name, randomSpec(random)), asked))
    case 2:
      return done(deleteObject(services, at, { ...asked, options: {} }))
    default: {
      // Asked again when somebody came between, and then of the same mind.
      const seed = random.below(2 ** 31)
      const transform = (current: KubeObject | undefined): KubeObject => changed(current, name, seededRandom(seed))
      return done(updateObject(services, at, transform, { ...asked, scope: 'main' }))
    }
  }
}

describe('the accounts of Services', () => {
  const seed = runSeed()
  it(`are right after each of 1500 answers (KUBETS_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(seed)
    using world = await setUp()
    const outcomes = { done: 0, refused: 0 }
    for (let step = 0; step < 1500; step++) {
      const name = `s${random.below(9)}`
      const dryRun = random.oneIn(8)
      const revision = async (): Promise<number | undefined> =>
        (await world.store.get(`/registry/services/specs/ns/${name}`)).current?.modRevision
      const before = await revision()
      const services = random.pick(world.servers).resources.get(core('services'))
      const isDone = await act({ services, name, random, dryRun })
      outcomes[isDone ? 'done' : 'refused'] += 1
      if (!isDone || dryRun) {
        assert.equal(await revision(), before, `step ${step}: what was refused, or only tried, is changed`)
      }
      await assertAccounts(world, `step ${step}, ${name}`)
    }
    // Neither side of the rules was left out.
    assert.ok(outcomes.done > 300 && outcomes.refused > 300, JSON.stringify(outcomes))
  })

  it(`are right after 60 rounds of answers at once (KUBETS_SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = seededRandom(seed + 1)
    using world = await setUp()
    for (let round = 0; round < 60; round++) {
      await Promise.all(
        Array.from({ length: 12 }, () => {
          const services = random.pick(world.servers).resources.get(core('services'))
          const name = `s${random.below(5)}`
          return act({ services, name, random: seededRandom(random.below(2 ** 31)), dryRun: random.oneIn(8) })
        }),
      )
      await assertAccounts(world, `round ${round}`)
    }
  })
})
