/**
 * What happens to containers, by the best way that the runtime has: CRI's event stream (containerd 1.7, CRI-O), else
 * containerd's own, else by asking every second as upstream's generic PLEG does.
 */
import { sleep } from '../../../component-base/clock.ts'
import { serverStream } from '../../../component-base/grpc/method.ts'
import { GrpcError } from '../../../component-base/grpc/status.ts'
import { message } from '../../../component-base/protobuf/message.ts'
import type { ContainerState, RuntimeEvent } from '../runtime-service.ts'
import { type CriClient, isUnimplemented } from './client.ts'
import type { Owners } from './owners.ts'
import { runtimeMethods } from './runtime-messages.ts'

const relistMs = 1000

const SubscribeRequest = message('containerd.services.events.v1.SubscribeRequest', {
  filters: [1, 'string', 'repeated'],
})
const Any = message('google.protobuf.Any', { typeUrl: [1, 'string'], value: [2, 'bytes'] })
const Envelope = message('containerd.services.events.v1.Envelope', {
  namespace: [2, 'string'],
  topic: [3, 'string'],
  event: [4, Any],
})
const subscribe = serverStream('/containerd.services.events.v1.Events/Subscribe', SubscribeRequest, Envelope)
/** What all events below begin with: whom they are about. */
const Subject = message('containerd.events.Subject', { containerId: [1, 'string'] })
/** And which of its processes has ended. */
const TaskExit = message('containerd.events.TaskExit', { containerId: [1, 'string'], id: [2, 'string'] })
const containerdTopics: Readonly<Record<string, RuntimeEvent['type']>> = {
  '/tasks/start': 'started',
  '/tasks/exit': 'stopped',
  '/containers/delete': 'deleted',
}

export interface EventSource {
  readonly client: CriClient
  readonly owners: Owners
  /** State of a container, undefined for what is none. */
  readonly stateOf: (id: string) => Promise<ContainerState | undefined>
  /** State of everything by ID. Fills the owners. */
  readonly list: () => Promise<ReadonlyMap<string, string>>
}

async function* criEvents({ client, owners }: EventSource, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const call = client.channel.stream(runtimeMethods.getContainerEvents, { signal })
  call.write({})
  call.end()
  for await (const { containerId, containerEventType, podSandboxStatus } of call.responses) {
    const podUid = podSandboxStatus?.metadata?.uid ?? owners.get(containerId)
    if (podUid !== undefined) yield { type: containerEventType, podUid, containerId }
  }
}

/** containerd tells of an exit a moment before CRI's status has it. */
const untilStopped = async ({ stateOf }: EventSource, id: string): Promise<void> => {
  for (const waitMs of [0, 2, 5, 10, 20, 50, 100]) {
    await sleep(waitMs)
    if ((await stateOf(id).catch(() => undefined)) !== 'running') return
  }
}

async function* containerdEvents(source: EventSource, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const { client, owners, list } = source
  const call = client.channel.stream(subscribe, { signal })
  call.write({ filters: ['namespace==k8s.io'] })
  call.end()
  for await (const { topic, event } of call.responses) {
    const type = containerdTopics[topic]
    if (type === undefined || event === undefined) continue
    const { containerId } = Subject.decode(event.value)
    if (type === 'stopped') {
      if (TaskExit.decode(event.value).id !== containerId) continue // the end of an exec
      await untilStopped(source, containerId)
    }
    if (owners.get(containerId) === undefined && type !== 'deleted') await list()
    const podUid = owners.get(containerId)
    if (podUid !== undefined) yield { type, podUid, containerId }
    if (type === 'deleted') owners.forget(containerId)
  }
}

async function* polledEvents({ owners, list }: EventSource, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  let known = await list()
  while (!signal.aborted) {
    await sleep(relistMs, signal).catch(() => undefined)
    if (signal.aborted) return
    const seen = await list()
    const changed = [...new Set([...seen.keys(), ...known.keys()])].filter((id) => seen.get(id) !== known.get(id))
    known = seen
    for (const containerId of changed) {
      const podUid = owners.get(containerId)
      if (podUid === undefined) continue
      const state = seen.get(containerId)
      const type = state === undefined ? 'deleted' : state === 'running' || state === 'ready' ? 'started' : 'stopped'
      yield { type, podUid, containerId }
    }
  }
}

const sources = [criEvents, containerdEvents, polledEvents]

/** Until the signal aborts, or the runtime's stream breaks. Which way works is found out at the first call. */
export const createEvents = (source: EventSource): ((signal: AbortSignal) => AsyncIterable<RuntimeEvent>) => {
  let way = 0
  return async function* (signal) {
    for (;;) {
      try {
        yield* (sources[way] ?? polledEvents)(source, signal)
        return
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof GrpcError && isUnimplemented(error)) || way >= sources.length - 1) throw error
        way++
      }
    }
  }
}
