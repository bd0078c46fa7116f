/** What the Node object tells of this node. */
import type { Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { PodCgroups } from '../cgroups/pod-cgroups.ts'
import type { KubeletConfig } from '../config/config.ts'
import type { MachineInfo } from '../node/machine.ts'
import { createNodeManager, type NodeManager, type NodeManagerOptions } from '../node/node-manager.ts'
import type { EventRecorder } from '../recorder.ts'
import type { RuntimeService, RuntimeVersion } from '../runtime/runtime-service.ts'
import type { Base } from './base.ts'

/** podsPerCore bounds maxPods. */
const podCapacity = ({ maxPods, podsPerCore }: KubeletConfig, cpus: number): number =>
  podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * cpus)

export interface NodeDeps
  extends Pick<NodeManagerOptions, 'images' | 'volumesInUse' | 'pressure' | 'devices' | 'recorder'> {
  readonly client: RestClient
  readonly machine: MachineInfo
  readonly hostIPs: readonly string[]
  readonly runtime: RuntimeService
  readonly runtimeVersion: RuntimeVersion
  /** '' unless the node is shutting down. */
  readonly shutdownReason: () => string
}

const notReadyReason =
  ({ runtime, shutdownReason }: NodeDeps) =>
  async (): Promise<string> => {
    const { runtimeReady, networkReady } = await runtime.status()
    const reasons = [runtimeReady, networkReady, shutdownReason()].filter((reason) => reason !== '')
    return reasons.length > 1 ? `[${reasons.join(', ')}]` : (reasons[0] ?? '')
  }

export const createNode = ({ config, now, log }: Base, deps: NodeDeps): NodeManager => {
  const { client, machine, hostIPs, runtime, runtimeVersion, images, volumesInUse, pressure, devices, recorder } = deps
  return createNodeManager({
    client,
    identity: {
      name: config.nodeName,
      labels: config.nodeLabels,
      taints: config.registerWithTaints,
      providerId: config.providerId,
      externalCloudProvider: config.externalCloudProvider,
      schedulable: config.registerSchedulable,
      machine,
    },
    register: config.registerNode,
    status: {
      machine,
      maxPods: podCapacity(config, machine.cpus),
      maxImages: config.nodeStatusMaxImages,
      reserved: config.reserved,
      evictionHard: config.evictionHard,
      addresses: hostIPs,
      runtime: runtimeVersion,
      features: runtime.features,
      port: config.port,
    },
    rootDir: config.rootDir,
    images,
    volumesInUse,
    notReady: notReadyReason(deps),
    pressure,
    devices,
    updateMs: config.nodeStatusUpdateFrequencyMs,
    reportMs: config.nodeStatusReportFrequencyMs,
    recorder,
    now,
    log: log.child({ subsystem: 'node' }),
  })
}

/** All Pods together get no more than is not reserved. Upstream: enforceNodeAllocatableCgroups. */
export const enforceAllocatable = async (
  { nodeName, reserved }: KubeletConfig,
  {
    cgroups,
    machine,
    recorder,
  }: {
    readonly cgroups: PodCgroups
    readonly machine: MachineInfo
    readonly recorder: EventRecorder
  },
): Promise<void> => {
  const about: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName } }
  try {
    await cgroups.enforceAllocatable({ ...machine, reserved })
    recorder.event(about, 'Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods')
  } catch (error) {
    const message = `Failed to update Node Allocatable Limits: ${error instanceof Error ? error.message : String(error)}`
    recorder.event(about, 'Warning', 'FailedNodeAllocatableEnforcement', message)
  }
}
