/** Registers the Node, and keeps its status true. Upstream: kubelet_node_status.go. */
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { nodes } from '../../api/resources.ts'
import { semanticEqual } from '../../api/meta/equal.ts'
import type { Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { PressureCondition } from '../eviction/pressure.ts'
import type { Image } from '../runtime/runtime-service.ts'
import type { EventRecorder } from '../recorder.ts'
import { fileSystemBytes } from './machine.ts'
import {
  type DeviceAmounts,
  newNode,
  type NodeIdentity,
  nodeLabels,
  type NodeStatus,
  nodeStatus,
  type NodeStatusRequest,
} from './node-status.ts'

export interface NodeManagerOptions {
  readonly client: RestClient
  readonly identity: NodeIdentity
  readonly register: boolean
  readonly status: Pick<
    NodeStatusRequest,
    'machine' | 'maxPods' | 'maxImages' | 'reserved' | 'evictionHard' | 'addresses' | 'runtime' | 'features' | 'port'
  >
  readonly rootDir: string
  readonly images: () => Promise<readonly Image[]>
  readonly volumesInUse: () => readonly string[]
  /** '' when Pods can run here. */
  readonly notReady: () => Promise<string>
  readonly pressure: () => readonly PressureCondition[]
  /** Resources of device plugins. */
  readonly devices: () => DeviceAmounts
  readonly updateMs: number
  /** An unchanged status is sent this often all the same. */
  readonly reportMs: number
  readonly recorder: EventRecorder
  readonly now: () => number
  readonly log: Logger
}

export interface NodeManager {
  run(signal: AbortSignal): Promise<void>
  /** Something that the status shows has changed: it is looked at now. */
  wake(): void
  /** The Node as this kubelet last saw it. */
  current(): Node | undefined
  /** Takes over what a watch has seen. */
  observe(node: Node): void
}

/** Reasons of events, for True and for False. */
const transitionReasons: Readonly<Record<string, readonly [string, string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  Ready: ['NodeReady', 'NodeNotReady'],
}

const registerInitialMs = 200
const registerMaxMs = 7000

/** Without the heartbeat, which alone is no change. */
const withoutHeartbeat = (status: NodeStatus): unknown => ({
  ...status,
  conditions: status.conditions?.map(({ lastHeartbeatTime: _heartbeat, ...rest }) => rest),
})

export const createNodeManager = (options: NodeManagerOptions): NodeManager => {
  const { client, identity, now, log, recorder } = options
  const { name } = identity
  let node: Node | undefined
  let sentAt = 0
  let wakeUp = (): void => undefined
  let pendingWake = false

  const compute = async (old: NodeStatus): Promise<NodeStatus> => {
    const [images, notReady, disk] = await Promise.all([
      options.images().catch((): Image[] => []),
      options.notReady(),
      fileSystemBytes(options.rootDir),
    ])
    const status = nodeStatus({
      ...options.status,
      name,
      images,
      notReady,
      volumesInUse: options.volumesInUse(),
      pressure: options.pressure(),
      devices: options.devices(),
      diskBytes: disk.total,
      old,
      now: nowRfc3339(now()),
    })
    tellTransitions(old, status)
    return status
  }

  /** People are told of every condition that turns. Upstream: recordNodeStatusEvent. */
  const tellTransitions = (old: NodeStatus, next: NodeStatus): void => {
    for (const { type, status } of next.conditions ?? []) {
      const before = old.conditions?.find((condition) => condition.type === type)
      const reason = transitionReasons[type]?.[status === 'True' ? 0 : 1]
      if (reason === undefined || before?.status === status) continue
      const about = { ...node, apiVersion: 'v1', kind: 'Node', metadata: { ...node?.metadata, name } }
      recorder.event(about, 'Normal', reason, `Node ${name} status is now: ${reason}`)
    }
  }

  const register = async (): Promise<Node> => {
    const wanted = newNode(identity, await compute({}))
    try {
      const created = await client.create(nodes, wanted)
      recorder.event(created, 'Normal', 'RegisteredNode', `Node ${name} registered`)
      return created
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
    }
    const present = await client.get(nodes, name)
    const labels = nodeLabels(identity)
    const missing = Object.entries(labels).filter(([key, value]) => present.metadata?.labels?.[key] !== value)
    if (missing.length === 0) return present
    return client.patch(
      nodes,
      name,
      undefined,
      { metadata: { labels: Object.fromEntries(missing) } },
      { type: 'strategic' },
    )
  }

  /** Only what differs is sent: capacities and conditions of others stay. */
  const changes = (old: NodeStatus, wanted: NodeStatus): Record<string, unknown> => {
    const patch: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(wanted)) {
      if (!semanticEqual(old[key as keyof NodeStatus], value)) patch[key] = value
    }
    if (patch['addresses'] !== undefined) patch['addresses'] = [...(wanted.addresses ?? []), { $patch: 'replace' }]
    return patch
  }

  const update = async (): Promise<void> => {
    const old = node?.status ?? {}
    const wanted = await compute(old)
    const extended = (
      list: Record<string, string> | undefined,
      own: Record<string, string> | undefined,
    ): Record<string, string> => ({ ...list, ...own })
    // What others put into the capacity is theirs, and no difference.
    const merged = {
      ...wanted,
      capacity: extended(old.capacity, wanted.capacity),
      allocatable: extended(old.allocatable, wanted.allocatable),
    }
    const known = Object.fromEntries(
      Object.keys(merged).map((key) => [key, old[key as keyof NodeStatus]]),
    ) as NodeStatus
    const ours = new Set(merged.conditions?.map(({ type }) => type))
    known.conditions = (old.conditions ?? [])
      .filter(({ type }) => ours.has(type))
      .toSorted((a, b) => a.type.localeCompare(b.type))
    const sorted = { ...merged, conditions: (merged.conditions ?? []).toSorted((a, b) => a.type.localeCompare(b.type)) }
    const same = semanticEqual(withoutHeartbeat(known), withoutHeartbeat(sorted))
    if (same && now() - sentAt < options.reportMs) return
    const patch = changes(known, sorted)
    if (Object.keys(patch).length > 0) {
      node = await client.patch(nodes, name, undefined, { status: patch }, { type: 'strategic', subresource: 'status' })
    }
    sentAt = now()
  }

  const registerForever = async (signal: AbortSignal): Promise<void> => {
    let delayMs = registerInitialMs
    while (!signal.aborted) {
      try {
        node = options.register ? await register() : await client.get(nodes, name)
        log.info({ node: name }, 'node registered')
        return
      } catch (error) {
        log.warn({ err: error, delayMs }, 'cannot register the node yet')
        await sleep(delayMs, signal)
        delayMs = Math.min(delayMs * 2, registerMaxMs)
      }
    }
  }

  return {
    run: async (signal) => {
      try {
        await registerForever(signal)
        recorder.event({ ...node, metadata: { ...node?.metadata, name } }, 'Normal', 'Starting', 'Starting kubelet.')
        while (!signal.aborted) {
          pendingWake = false
          await update().catch(async (error: unknown) => {
            if (isReason(error, 'NotFound')) await registerForever(signal)
            else if (!signal.aborted) log.warn({ err: error }, 'cannot update the node status')
          })
          if (pendingWake) continue
          await Promise.race([sleep(options.updateMs, signal), new Promise<void>((resolve) => (wakeUp = resolve))])
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    wake: () => {
      pendingWake = true
      wakeUp()
    },
    current: () => node,
    observe: (seen) => {
      const version = (of: Node | undefined): bigint => BigInt(of?.metadata?.resourceVersion ?? '0')
      if (version(seen) > version(node)) node = seen
    },
  }
}
