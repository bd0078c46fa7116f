/** What the kubelet's HTTPS API shows and does, from the kubelet's managers. */
import { mkdir } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import type { Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Registry } from 'prom-client'
import { nowRfc3339 } from '../api/meta/time.ts'
import type { Pod } from '../api/types.ts'
import { asBoundPod, type BoundPod, findContainer } from './pod.ts'
import type { LogChunk, RuntimeService, StreamSession } from './runtime/runtime-service.ts'
import type { KubeletServerBackend, ProcessStreams } from './server/backend.ts'
import type { StatusManager } from './status/status-manager.ts'
import { summary, type SummaryDeps } from './stats/summary.ts'
import type { PodManager } from './sync/pod-manager.ts'

export interface BackendDeps {
  readonly runtime: RuntimeService
  readonly checkpointsDir: string
  readonly pods: PodManager
  readonly status: StatusManager
  readonly metrics: Registry
  readonly resourceMetrics: (path: string) => Promise<string | undefined>
  readonly stats: SummaryDeps
  readonly config: () => unknown
  readonly servesNodeLogs: boolean
  readonly debuggingHandlers: boolean
  readonly healthChecks: KubeletServerBackend['healthChecks']
}

async function* bytes(log: AsyncIterable<LogChunk>): AsyncGenerator<Uint8Array> {
  for await (const { data } of log) yield data
}

const forward = async (source: Readable | undefined, target: Writable | undefined): Promise<void> => {
  if (source === undefined) return
  if (target === undefined) {
    source.resume()
    await new Promise((resolve) => source.once('close', resolve))
    return
  }
  await pipeline(source, target, { end: false }).catch(() => undefined)
}

/** Joins a process and a client until the process ends or the client goes. */
const join = async (session: StreamSession, streams: ProcessStreams, signal: AbortSignal): Promise<void> => {
  const onAbort = (): void => session.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const { stdin } = streams
  if (stdin !== undefined && session.stdin !== undefined) {
    const sink = session.stdin
    stdin.on('data', (chunk: Buffer) => {
      if (!sink.writable) return
      if (!sink.write(chunk)) {
        stdin.pause()
        sink.once('drain', () => stdin.resume())
      }
    })
    stdin.once('end', () => session.closeStdin())
  }
  const resize = async (): Promise<void> => {
    for await (const size of streams.resize) await session.resize(size).catch(() => undefined)
  }
  if (streams.tty) resize().catch(() => undefined)
  try {
    await Promise.all([forward(session.stdout, streams.stdout), forward(session.stderr, streams.stderr)])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

export const createBackend = (deps: BackendDeps): KubeletServerBackend => {
  const { runtime, pods, status } = deps
  const current = (pod: BoundPod): Pod => {
    const known = status.get(pod.metadata.uid)
    return known === undefined ? pod : { ...pod, status: known }
  }
  /** The Pod that runs; a mirror stands for its static Pod. */
  const uidOf = (pod: Pod): string => {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {}
    return pods.get(uid)?.metadata.uid ?? pods.getByName(namespace, name)?.metadata.uid ?? uid
  }
  return {
    servesNodeLogs: deps.servesNodeLogs,
    debuggingHandlers: deps.debuggingHandlers,
    getPods: () => pods.list().map(current),
    getPod: (namespace, name) => {
      const pod = pods.getByName(namespace, name)
      return pod === undefined ? undefined : current(pod)
    },
    runningPods: async () => {
      const running = (await runtime.listContainers()).filter(({ state }) => state === 'running')
      const byUid = Map.groupBy(running, ({ podUid }) => podUid)
      return [...byUid].map(([uid, containers]) => {
        const { 'io.kubernetes.pod.name': name = '', 'io.kubernetes.pod.namespace': namespace = '' } =
          containers[0]?.labels ?? {}
        return {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace, uid },
          spec: {
            containers: containers.map((container) => ({
              name: container.name,
              image: container.annotations['kubets.io/imageName'] ?? '',
            })),
          },
        } as Pod
      })
    },
    findRunningContainer: async (pod, containerName) => {
      const bound = asBoundPod(pod)
      if (bound !== undefined && findContainer(bound, containerName) === undefined) return undefined
      const containers = await runtime.listContainers(uidOf(pod))
      return containers.find(({ name, state }) => name === containerName && state === 'running')?.id
    },
    containerLogs: async (_pod, containerId, options, signal) =>
      bytes(await runtime.containerLogs(containerId, options, signal)),
    exec: async (container, command, streams, signal) => {
      const session = await runtime.exec(container.id, {
        command,
        tty: streams.tty,
        stdin: streams.stdin !== undefined,
      })
      await join(session, streams, signal)
      if (signal.aborted) return 137
      return session.wait()
    },
    attach: async (container, streams, signal) => {
      const session = await runtime.attach(container.id, { stdin: streams.stdin !== undefined, tty: streams.tty })
      await join(session, streams, signal)
    },
    checkpoint: async ({ pod, name, id }) => {
      const { namespace = '', name: podName = '' } = pod.metadata ?? {}
      await mkdir(deps.checkpointsDir, { recursive: true, mode: 0o700 })
      const file = `checkpoint-${podName}_${namespace}-${name}-${nowRfc3339(deps.stats.now())}.tar`
      const location = joinPath(deps.checkpointsDir, file)
      await runtime.checkpointContainer(id, location)
      return location
    },
    dialPod: async (pod, port): Promise<Duplex> => {
      const [sandbox] = (await runtime.listPodSandboxes(uidOf(pod))).filter(({ state }) => state === 'ready')
      if (sandbox === undefined) throw new Error(`unable to find sandbox of pod ${pod.metadata?.name ?? ''}`)
      return runtime.portForward(sandbox.id, port)
    },
    statsSummary: () => summary(deps.stats),
    metrics: async (path) => (path === '/metrics' ? deps.metrics.metrics() : deps.resourceMetrics(path)),
    configz: deps.config,
    healthChecks: deps.healthChecks,
  }
}
