/** Small clusters without an API server, for tests of the scheduler and its plugins. */
import type { ResourceRef } from '../../api/resources.ts'
import type { KubeObject, Namespace, Node, Pod } from '../../api/types.ts'
import type { Informer, InformerFactory } from '../../client/cache/informer.ts'
import { objectKey, Store } from '../../client/cache/store.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { FakeClock } from '../../client/testing/fake-clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { Clock } from '../../component-base/clock.ts'
import { SchedulerCache } from '../cache/cache.ts'
import { fitErrorMessage } from '../framework/diagnosis.ts'
import type { Extender } from '../framework/extender.ts'
import type { Framework } from '../framework/framework.ts'
import type { Handle } from '../framework/handle.ts'
import { defaultPlugins } from '../plugins/index.ts'
import { createFramework, type EnabledPlugin, everywhere } from '../profiles.ts'
import { Nominator } from '../queue/nominator.ts'
import { schedulePod, type ScheduleResult } from '../schedule-pod.ts'

/** 2 CPUs, 4 GiB, 10 Pods; `change` replaces whole parts. */
export const aNode = (name: string, change: Partial<Node> = {}): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
  ...change,
})

/** Informers that never run: their listers have these objects, by resource. */
export const informersOf = (...lists: readonly (readonly [ResourceRef, readonly KubeObject[]])[]): InformerFactory => {
  const stores = new Map<string, Store<KubeObject>>()
  const storeOf = ({ group, resource }: ResourceRef): Store<KubeObject> => {
    const store = stores.get(`${group}/${resource}`) ?? new Store<KubeObject>()
    stores.set(`${group}/${resource}`, store)
    return store
  }
  for (const [ref, objects] of lists) for (const object of objects) storeOf(ref).set(objectKey(object), object)
  return {
    for: <T extends KubeObject>(ref: ResourceRef<T>) => {
      const store = storeOf(ref as ResourceRef)
      const informer: Informer<KubeObject> = {
        start: () => Promise.resolve(),
        hasSynced: () => true,
        whenSynced: () => Promise.resolve(),
        addHandler: ({ onAdd }) => {
          for (const object of store.list()) onAdd?.(object)
        },
        addIndexers: (indexers) => store.addIndexers(indexers),
        lister: store,
      }
      return informer as unknown as Informer<T>
    },
    start: () => undefined,
    whenSynced: () => Promise.resolve(),
  }
}

type PodSpec = NonNullable<Pod['spec']>

let made = 0
/** A Pod that waits for a node, in namespace `default`. */
export const aPod = (spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Pod => ({
  metadata: { name: `pod-${++made}`, namespace: 'default', uid: `uid-${made}`, labels },
  spec: { containers: [{ name: 'app' }], ...spec },
})

export const requesting = (cpu: string): Partial<PodSpec> => ({
  containers: [{ name: 'app', resources: { requests: { cpu } } }],
})

export interface TestScheduler {
  readonly cache: SchedulerCache
  readonly nominator: Nominator
  readonly framework: Framework
  readonly handle: Handle
  /** One cycle; the chosen node is not yet assumed. */
  readonly schedule: (pod: Pod) => ScheduleResult
  /** The chosen node's name, or why there is none. */
  readonly nodeOf: (pod: Pod) => string
}

export interface TestSchedulerOptions {
  readonly nodes?: readonly Node[]
  /** Default: the default plugins. */
  readonly plugins?: readonly EnabledPlugin[]
  readonly namespaces?: readonly Namespace[]
  readonly informers?: InformerFactory
  /** Requests that are answered; all others are refused. */
  readonly change?: Partial<RestClient>
  readonly random?: () => number
  readonly extenders?: readonly Extender[]
  readonly clock?: Clock
  readonly onActivate?: (pods: readonly Pod[]) => void
}

const refuse = (): Promise<never> => Promise.reject(new Error('there is no API server'))

const noServer: RestClient = {
  get: refuse,
  list: refuse,
  create: refuse,
  update: refuse,
  patch: refuse,
  delete: refuse,
  deleteCollection: refuse,
  watch: () => {
    throw new Error('there is no API server')
  },
  raw: refuse,
  close: () => Promise.resolve(),
}

export const defaultEnabled: readonly EnabledPlugin[] = defaultPlugins.map(({ name, factory, weight = 1 }) => ({
  name,
  factory,
  weight,
  args: undefined,
}))

/** A profile over a cache that tests fill by hand. */
export const aScheduler = (options: TestSchedulerOptions = {}): TestScheduler => {
  const { nodes = [], plugins = defaultEnabled, namespaces = [], random = () => 0.99 } = options
  const cache = new SchedulerCache({ get: (name) => namespaces.find(({ metadata }) => metadata?.name === name) })
  for (const node of nodes) cache.setNode(node)
  const client: RestClient = { ...noServer, ...options.change }
  const nominator = new Nominator()
  const base: Omit<Handle, 'runner'> = {
    profileName: 'default-scheduler',
    snapshot: cache,
    nominator,
    client,
    informers: options.informers ?? informersOf(),
    recorder: { event: () => undefined },
    clock: options.clock ?? new FakeClock(),
    random,
    log: createLogger('test'),
    metrics: { preemptionAttempts: { inc: () => undefined }, preemptionVictims: { observe: () => undefined } },
    extenders: options.extenders ?? [],
    waitingPods: { get: () => undefined, list: () => [] },
    activate: options.onActivate ?? (() => undefined),
    signal: new AbortController().signal,
  }
  let handle: Handle | undefined
  const framework = createFramework(
    { schedulerName: 'default-scheduler', percentageOfNodesToScore: 0, ...everywhere(plugins) },
    {
      nominator,
      handleOf: (runner) => {
        handle = {
          ...base,
          get runner() {
            return runner()
          },
        }
        return handle
      },
    },
  )
  const schedule = (pod: Pod): ScheduleResult => {
    const common = { framework, snapshot: cache, percentageOfNodesToScore: 0, startIndex: 0, random, extenders: [] }
    const result = schedulePod(pod, common)
    if (result instanceof Promise) throw new Error('without extenders a cycle is synchronous')
    return result
  }
  const nodeOf = (pod: Pod): string => {
    const result = schedule(pod)
    if (result.type === 'scheduled') return result.nodeName
    return result.type === 'noNodes' ? 'no nodes' : fitErrorMessage(result.diagnosis, cache.nodes.length)
  }
  if (handle === undefined) throw new Error('the framework asked for no handle')
  return { cache, nominator, framework, handle, schedule, nodeOf }
}
