/** The whole scheduler between informers that a test fills and an API server that is a few functions. */
import {
  namespaces as namespacesRef,
  nodes as nodesRef,
  pods as podsRef,
  type ResourceRef,
} from '../../api/resources.ts'
import type { KubeObject, Pod } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { FakeClock, settle } from '../../client/testing/fake-clock.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { createSchedulerMetrics } from '../metrics.ts'
import { everywhere } from '../profiles.ts'
import { Scheduler } from '../scheduler.ts'
import { fakeInformers } from './fake-informers.ts'
import { defaultEnabled } from './fixtures.ts'
import { type ModelNode, type ModelPod, toNode, toPod, type World } from './model.ts'

export interface SchedulerWorld extends Disposable {
  readonly setNode: (node: ModelNode) => void
  readonly addPod: (pod: ModelPod) => void
  readonly deletePod: (name: string) => void
  /** As the API server has it. */
  readonly world: () => World
  readonly waiting: () => ModelPod[]
  /** Lets the scheduler do what it can, back-offs included, short of trying Pods again because of their age alone. */
  readonly quiet: () => Promise<void>
}

/** Longer than any back-off of the scheduler in `openWorld`. */
const backoffMs = 1_000

/** `onBind` is asked before each Pod gets its node. */
export const openWorld = (
  random: () => number,
  onBind: (pod: ModelPod, node: string, before: World) => void,
): SchedulerWorld => {
  const fake = fakeInformers()
  const nodes = new Map<string, ModelNode>()
  const pods = new Map<string, ModelPod>()
  const placed = new Map<string, string>()
  let version = 0
  let bindings = 0
  const world = (): World => ({
    nodes: [...nodes.values()],
    placed: [...placed].flatMap(([name, node]) => {
      const pod = pods.get(name)
      return pod === undefined ? [] : [{ pod, node }]
    }),
  })
  const objects = new Map<string, Pod>()
  const store = (name: string, object: Pod): void => {
    objects.set(name, object)
    fake.set(podsRef, object)
  }
  const client = {
    patch: (_ref: unknown, name: string) => Promise.resolve((objects.get(name) ?? {}) as never),
    create: async (ref: ResourceRef, object: KubeObject) => {
      const { name = '' } = object.metadata ?? {}
      const target = (object as { target?: { name: string } }).target?.name ?? ''
      const pod = pods.get(name)
      const current = objects.get(name)
      if (ref.resource !== 'pods' || pod === undefined || current === undefined) throw new Error('not a binding')
      bindings++
      onBind(pod, target, world())
      placed.set(name, target)
      await settle()
      const metadata = { ...current.metadata, resourceVersion: String(++version) }
      store(name, { ...current, metadata, spec: { containers: [], ...current.spec, nodeName: target } })
      return object
    },
  } as unknown as RestClient
  const clock = new FakeClock()
  const stop = new AbortController()
  fake.set(namespacesRef, { metadata: { name: 'default', resourceVersion: '1' } })
  const scheduler = new Scheduler({
    client,
    informers: fake.factory,
    recorderOf: () => ({ event: () => undefined }),
    profiles: [{ schedulerName: 'default-scheduler', percentageOfNodesToScore: 0, ...everywhere(defaultEnabled) }],
    extenders: [],
    initialBackoffMs: backoffMs / 10,
    maxBackoffMs: backoffMs / 2,
    metrics: createSchedulerMetrics(createMetrics('test')),
    clock,
    random,
    log: createLogger('test'),
    signal: stop.signal,
  })
  void scheduler.run(stop.signal)

  const isBusy = (): boolean => {
    const { active, backoff } = scheduler.state.pending()
    return active + backoff + scheduler.state.bindings() > 0
  }
  const quiet = async (): Promise<void> => {
    for (let before = -1; before !== bindings; ) {
      before = bindings
      do {
        await clock.advance(backoffMs)
        for (let turn = 0; turn < 5; turn++) await settle()
      } while (isBusy())
    }
  }
  return {
    setNode: (node) => {
      nodes.set(node.name, node)
      fake.set(nodesRef, toNode(node, ++version))
    },
    addPod: (pod) => {
      pods.set(pod.name, pod)
      store(pod.name, toPod(pod, ++version))
    },
    deletePod: (name) => {
      pods.delete(name)
      placed.delete(name)
      fake.delete(podsRef, `default/${name}`)
    },
    world,
    waiting: () => [...pods.values()].filter(({ name }) => !placed.has(name)),
    quiet,
    [Symbol.dispose]: () => stop.abort(),
  }
}
