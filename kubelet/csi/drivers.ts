/** The CSI drivers that have registered on this node, and what is written of them into CSINode and Node. */
import { isReason } from '../../api/meta/status-error.ts'
import { csiNodes, nodes } from '../../api/resources.ts'
import type { CSINode, Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { orUndefined } from '../container/objects.ts'
import type { Plugin, PluginHandler } from '../plugins/plugin-watcher.ts'
import { csiNode, type NodeInfo, nodeCapability } from './messages.ts'

export interface CsiDriver {
  readonly name: string
  readonly channel: GrpcChannel
  has(capability: keyof typeof nodeCapability): boolean
}

export interface CsiDrivers extends PluginHandler {
  /** Undefined while no such driver is registered. */
  get(name: string): CsiDriver | undefined
}

export interface CsiDriversDeps {
  /** Undefined in a kubelet without an API server: drivers work, and nobody is told of them. */
  readonly client: RestClient | undefined
  readonly nodeName: string
  readonly node: () => Node | undefined
  /** A driver came: Pods that waited for it may go on. */
  readonly onChange: () => void
  readonly log: Logger
}

type DriverEntry = CSINode['spec']['drivers'][number]

const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid'
const callMs = 30_000
const writeAttempts = 6

const entryOf = (name: string, { nodeId, maxVolumesPerNode, accessibleTopology }: NodeInfo): DriverEntry => {
  const topologyKeys = [...(accessibleTopology?.segments.keys() ?? [])].toSorted()
  return {
    name,
    nodeID: nodeId,
    topologyKeys,
    ...(maxVolumesPerNode > 0 ? { allocatable: { count: maxVolumesPerNode } } : {}),
  }
}

/** Versions 1.x serve csi.v1. */
const isSupported = (version: string): boolean => /^v?1(\.|$)/.test(version)

export const createCsiDrivers = ({ client, nodeName, node, onChange, log }: CsiDriversDeps): CsiDrivers => {
  const drivers = new Map<string, CsiDriver & { readonly endpoint: string }>()

  /** Applies a change to this node's CSINode, made where it is missing; conflicts are read again. */
  const writeCsiNode = async (change: (entries: readonly DriverEntry[]) => DriverEntry[]): Promise<void> => {
    if (client === undefined) return
    for (let attempt = 1; ; attempt++) {
      try {
        const present = await orUndefined(client.get(csiNodes, nodeName))
        if (present !== undefined) {
          const spec = { ...present.spec, drivers: change(present.spec.drivers) }
          await client.update(csiNodes, { ...present, spec })
          return
        }
        const uid = node()?.metadata?.uid
        if (uid === undefined) throw new Error('the Node is not registered yet')
        const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }]
        await client.create(csiNodes, { metadata: { name: nodeName, ownerReferences }, spec: { drivers: change([]) } })
        return
      } catch (error) {
        if (attempt === writeAttempts || !isReason(error, 'Conflict', 'AlreadyExists')) throw error
      }
    }
  }

  const writeNode = async (name: string, info: NodeInfo): Promise<void> => {
    if (client === undefined) return
    const ids: Record<string, string> = JSON.parse(node()?.metadata?.annotations?.[nodeIdAnnotation] ?? '{}')
    const annotations = { [nodeIdAnnotation]: JSON.stringify({ ...ids, [name]: info.nodeId }) }
    const labels = Object.fromEntries(info.accessibleTopology?.segments ?? [])
    await client.patch(nodes, nodeName, undefined, { metadata: { annotations, labels } }, { type: 'strategic' })
  }

  return {
    get: (name) => drivers.get(name),
    register: async ({ name, endpoint, versions }: Plugin) => {
      if (!versions.some(isSupported)) {
        throw new Error(`failed to get driver's versions: ${versions.join(', ')} are not supported`)
      }
      const channel = new GrpcChannel({ endpoints: [`unix://${endpoint}`] })
      try {
        const options = { timeoutMs: callMs }
        const [info, { capabilities }] = await Promise.all([
          channel.unary(csiNode.info, {}, options),
          channel.unary(csiNode.capabilities, {}, options),
        ])
        if (info.nodeId === '')
          throw new Error('error updating CSINode object with CSI driver node info: empty node ID')
        await writeNode(name, info)
        await writeCsiNode((entries) => [...entries.filter((entry) => entry.name !== name), entryOf(name, info)])
        const can = new Set(capabilities.map(({ rpc }) => rpc?.type))
        drivers.get(name)?.channel.close()
        drivers.set(name, { name, endpoint, channel, has: (capability) => can.has(nodeCapability[capability]) })
        onChange()
      } catch (error) {
        channel.close()
        throw error
      }
    },
    deregister: ({ name, endpoint }) => {
      const driver = drivers.get(name)
      // Its successor may have come before it was missed.
      if (driver === undefined || driver.endpoint !== endpoint) return
      drivers.delete(name)
      driver.channel.close()
      writeCsiNode((entries) => entries.filter((entry) => entry.name !== name || drivers.has(name))).catch(
        (error: unknown) => log.warn({ err: error, driver: name }, 'cannot take a driver out of the CSINode'),
      )
    },
  }
}
