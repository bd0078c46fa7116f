/**
 * Gives devices to containers: chosen and allocated for a whole Pod before anything of it runs, kept until it has
 * ended. Upstream: pkg/kubelet/cm/devicemanager/manager.go.
 */
import { join } from 'node:path'
import { quantityValue } from '../../api/meta/quantity.ts'
import type { Container } from '../../api/types.ts'
import { createInTurn } from '../../component-base/async/in-turn.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { ConfigError } from '../container/objects.ts'
import { type BoundPod, containersOf } from '../pod.ts'
import type { Mount } from '../runtime/runtime-service.ts'
import { type DeviceAllocation, loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import { allocatedParts, type AllocatedParts, devicePlugin } from './messages.ts'
import { pickDevices, type Picked, withPreference } from './pick.ts'
import { createDevicePlugins, type DevicePlugins, type DeviceResource } from './plugins.ts'

/** What devices add to a container. */
export interface ContainerDevices {
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly permissions: string
  }[]
  readonly annotations: Readonly<Record<string, string>>
  readonly cdiDevices: readonly string[]
}

export interface DeviceManager {
  readonly plugins: DevicePlugins
  /** Rejects where the Pod cannot have its devices: it is turned away. */
  allocate(pod: BoundPod): Promise<void>
  /** Before a container starts: plugins that want to know are told. Rejects with ConfigError where one refuses. */
  preStart(pod: BoundPod, container: string): Promise<void>
  ofContainer(podUid: string, container: string): ContainerDevices
  allocationsOf(podUid: string): readonly DeviceAllocation[]
  release(podUid: string): Promise<void>
  /** Of all resources of plugins: how many there are, and how many are healthy. */
  amounts(): Readonly<Record<string, { readonly capacity: number; readonly allocatable: number }>>
}

export interface DeviceManagerDeps {
  readonly rootDir: string
  readonly onChange: () => void
  readonly onRegistered: (resource: string) => void
  readonly log: Logger
}

const allocateMs = 45_000
const preStartMs = 30_000
const wordsOf = (error: unknown): string => {
  if (error instanceof GrpcError) return `rpc error: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

export const createDeviceManager = (deps: DeviceManagerDeps): DeviceManager => {
  const folder = join(deps.rootDir, 'device-plugins')
  const checkpoint = join(folder, 'kubelet_internal_checkpoint')
  const before = loadCheckpoint(checkpoint, deps.log)
  const allocations: DeviceAllocation[] = [...before.allocations]
  const plugins = createDevicePlugins({ ...deps, folder, known: before.resources })

  /** One Pod after the other: none gets what another is being given. */
  const inTurn = createInTurn()

  const save = (): Promise<void> =>
    saveCheckpoint(checkpoint, { allocations, resources: [...plugins.resources().keys()] })
  const of = (podUid: string, container?: string): DeviceAllocation[] =>
    allocations.filter((one) => one.podUid === podUid && (container === undefined || one.container === container))
  const inUse = (resource: string): Set<string> =>
    new Set(allocations.filter((one) => one.resource === resource).flatMap(({ ids }) => ids))

  const preference = async ({ name, options, channel }: DeviceResource, picked: Picked): Promise<readonly string[]> => {
    if (!options.getPreferredAllocationAvailable || channel === undefined || picked.more === 0) return []
    const request = {
      availableDeviceIDs: [...picked.must, ...picked.available],
      mustIncludeDeviceIDs: [...picked.must],
      allocationSize: picked.must.length + picked.more,
    }
    const call = channel.unary(
      devicePlugin.getPreferredAllocation,
      { containerRequests: [request] },
      { timeoutMs: allocateMs },
    )
    const { containerResponses } = await call.catch((error: unknown) => {
      deps.log.warn({ err: error, resource: name }, 'a device plugin has no preference')
      return { containerResponses: [] }
    })
    return containerResponses[0]?.deviceIDs ?? []
  }

  const give = async (
    pod: BoundPod,
    container: Container,
    resource: DeviceResource,
    reusable: readonly string[],
  ): Promise<readonly string[]> => {
    const count = quantityValue(container.resources?.limits?.[resource.name] ?? '0')
    const healthy = [...resource.devices].filter(([, isHealthy]) => isHealthy).map(([id]) => id)
    const picked = pickDevices({ resource: resource.name, count, reusable, healthy, inUse: inUse(resource.name) })
    const ids = withPreference(picked, await preference(resource, picked))
    if (resource.channel === undefined)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource.name}`)
    const { containerResponses } = await resource.channel
      .unary(devicePlugin.allocate, { containerRequests: [{ devicesIds: ids }] }, { timeoutMs: allocateMs })
      .catch((error: unknown) => {
        throw new Error(wordsOf(error))
      })
    const [response] = containerResponses
    if (response === undefined) throw new Error(`no containers in allocation response ${resource.name}`)
    const parts = allocatedParts(response)
    allocations.push({ podUid: pod.metadata.uid, container: container.name, resource: resource.name, ids, parts })
    return ids
  }

  const allocateNow = async (pod: BoundPod): Promise<void> => {
    const { uid } = pod.metadata
    const reusable = new Map<string, string[]>()
    let changed = false
    for (const { container, type } of containersOf(pod)) {
      if (type === 'ephemeral') continue
      for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
        const resource = plugins.resources().get(name)
        if (resource === undefined || quantityValue(amount) === 0) continue
        const known = of(uid, container.name).find((one) => one.resource === name)
        const free = reusable.get(name) ?? []
        const ids = known?.ids ?? (await give(pod, container, resource, free))
        changed ||= known === undefined
        // What an init container has is free again when it ends; a sidecar and all others keep it.
        reusable.set(name, type === 'init' ? [...new Set([...free, ...ids])] : free.filter((id) => !ids.includes(id)))
      }
    }
    if (changed) await save()
  }

  const releaseNow = async (podUid: string): Promise<void> => {
    const kept = allocations.filter((one) => one.podUid !== podUid)
    if (kept.length === allocations.length) return
    allocations.splice(0, allocations.length, ...kept)
    await save()
  }

  const partsOf = (podUid: string, container: string): AllocatedParts[] =>
    of(podUid, container).map(({ parts }) => parts)

  return {
    plugins,
    allocate: (pod) =>
      inTurn(() =>
        allocateNow(pod).catch(async (error: unknown) => {
          await releaseNow(pod.metadata.uid)
          throw error
        }),
      ),
    preStart: async (pod, container) => {
      for (const { resource, ids } of of(pod.metadata.uid, container)) {
        const { options, channel } = plugins.resources().get(resource) ?? {}
        if (options?.preStartRequired !== true || channel === undefined) continue
        try {
          await channel.unary(devicePlugin.preStartContainer, { devicesIds: [...ids] }, { timeoutMs: preStartMs })
        } catch (error) {
          throw new ConfigError(`device plugin PreStartContainer rpc failed with err: ${wordsOf(error)}`)
        }
      }
    },
    ofContainer: (podUid, container) => {
      const parts = partsOf(podUid, container)
      return {
        env: parts.flatMap(({ envs }) => Object.entries(envs).map(([name, value]) => ({ name, value }))),
        mounts: parts.flatMap(({ mounts }) =>
          mounts.map(
            ({ containerPath, hostPath, readOnly }): Mount => ({
              containerPath,
              hostPath,
              readOnly,
              recursiveReadOnly: false,
              propagation: 'private',
            }),
          ),
        ),
        devices: parts.flatMap(({ devices }) =>
          devices.map(({ hostPath, containerPath, permissions }) => ({ hostPath, containerPath, permissions })),
        ),
        annotations: Object.assign({}, ...parts.map(({ annotations }) => annotations)) as Record<string, string>,
        cdiDevices: parts.flatMap(({ cdiDevices }) => cdiDevices.map(({ name }) => name)),
      }
    },
    allocationsOf: (podUid) => of(podUid),
    release: (podUid) => inTurn(() => releaseNow(podUid)),
    amounts: () =>
      Object.fromEntries(
        [...plugins.resources()].map(([name, { devices }]) => [
          name,
          { capacity: devices.size, allocatable: [...devices.values()].filter(Boolean).length },
        ]),
      ),
  }
}
