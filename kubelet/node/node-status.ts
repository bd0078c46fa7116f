/** The Node object and its status: pure. Upstream: pkg/kubelet/nodestatus, kubelet_node_status.go. */
import {
  formatQuantity,
  parseQuantity,
  quantityFromMilli,
  quantityFromNumber,
  quantityToNumber,
} from '../../api/meta/quantity.ts'
import type { Node, Taint } from '../../api/types.ts'
import type { PressureCondition } from '../eviction/pressure.ts'
import type { Image, RuntimeFeatures } from '../runtime/runtime-service.ts'
import type { MachineInfo } from './machine.ts'

export type NodeStatus = NonNullable<Node['status']>
export type NodeCondition = NonNullable<NodeStatus['conditions']>[number]

export interface NodeIdentity {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly providerId: string
  readonly externalCloudProvider: boolean
  /** False: cordoned from its first day. */
  readonly schedulable: boolean
  readonly machine: MachineInfo
}

/** The labels that the kubelet itself sets, and those of --node-labels. */
export const nodeLabels = ({ name, labels, machine }: NodeIdentity): Record<string, string> => ({
  'beta.kubernetes.io/arch': machine.architecture,
  'beta.kubernetes.io/os': 'linux',
  'kubernetes.io/arch': machine.architecture,
  'kubernetes.io/hostname': name,
  'kubernetes.io/os': 'linux',
  ...labels,
})

/** What a new Node is registered as. */
export const newNode = (identity: NodeIdentity, status: NodeStatus): Node => {
  const taints = [
    ...identity.taints,
    ...(identity.externalCloudProvider
      ? [{ key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' }]
      : []),
  ]
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: identity.name,
      labels: nodeLabels(identity),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      ...(identity.providerId === '' ? {} : { providerID: identity.providerId }),
      ...(taints.length === 0 ? {} : { taints }),
      ...(identity.schedulable ? {} : { unschedulable: true }),
    },
    status,
  }
}

/** What admission and the scheduler may ask of this node, by upstream's names; CPUs are never pinned here. */
const declaredFeatures = ['GuaranteedQoSPodCPUResize']

export interface CapacityRequest {
  readonly machine: MachineInfo
  readonly maxPods: number
  readonly diskBytes: number
  /** systemReserved, kubeReserved. */
  readonly reserved: readonly Readonly<Record<string, string>>[]
  readonly evictionHard: Readonly<Record<string, string>>
}

const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`

/** An eviction threshold in bytes: a quantity, or a percentage of the whole. */
const thresholdBytes = (threshold: string | undefined, total: number): number => {
  if (threshold === undefined || threshold === '100%') return 0
  return threshold.endsWith('%')
    ? (total * Number(threshold.slice(0, -1))) / 100
    : quantityToNumber(parseQuantity(threshold))
}

const reservedMilli = (reserved: CapacityRequest['reserved'], name: string): number =>
  reserved.reduce(
    (sum, list) => sum + (list[name] === undefined ? 0 : quantityToNumber(parseQuantity(list[name])) * 1000),
    0,
  )

/** Capacity, and allocatable = capacity - reserved - what eviction keeps free. */
export const capacityOf = ({
  machine,
  maxPods,
  diskBytes,
  reserved,
  evictionHard,
}: CapacityRequest): Pick<NodeStatus, 'capacity' | 'allocatable'> => {
  const huge = Object.fromEntries(
    Object.entries(machine.hugePages).map(([size, bytes]) => [
      `hugepages-${size}`,
      formatQuantity(quantityFromNumber(bytes, 'BinarySI')),
    ]),
  )
  const hugeBytes = Object.values(machine.hugePages).reduce((sum, bytes) => sum + bytes, 0)
  const memoryThreshold = thresholdBytes(evictionHard['memory.available'], machine.memoryBytes)
  const diskThreshold = thresholdBytes(evictionHard['nodefs.available'], diskBytes)
  const cpu = Math.max(0, machine.cpus * 1000 - reservedMilli(reserved, 'cpu'))
  const memory = Math.max(
    0,
    machine.memoryBytes - hugeBytes - reservedMilli(reserved, 'memory') / 1000 - memoryThreshold,
  )
  const disk = Math.max(0, diskBytes - reservedMilli(reserved, 'ephemeral-storage') / 1000 - diskThreshold)
  return {
    capacity: {
      cpu: String(machine.cpus),
      'ephemeral-storage': kibibytes(diskBytes),
      ...huge,
      memory: kibibytes(machine.memoryBytes),
      pods: String(maxPods),
    },
    allocatable: {
      cpu: formatQuantity(quantityFromMilli(cpu)),
      'ephemeral-storage': String(Math.floor(disk)),
      ...huge,
      memory: kibibytes(memory),
      pods: String(maxPods),
    },
  }
}

/** By resource name: how many devices there are, and how many of them are healthy. */
export type DeviceAmounts = Readonly<Record<string, { readonly capacity: number; readonly allocatable: number }>>

const withDevices = (
  { capacity, allocatable }: Pick<NodeStatus, 'capacity' | 'allocatable'>,
  devices: DeviceAmounts,
): Pick<NodeStatus, 'capacity' | 'allocatable'> => {
  const amounts = (which: 'capacity' | 'allocatable'): Record<string, string> =>
    Object.fromEntries(Object.entries(devices).map(([name, amount]) => [name, String(amount[which])]))
  return {
    capacity: { ...capacity, ...amounts('capacity') },
    allocatable: { ...allocatable, ...amounts('allocatable') },
  }
}

const maxNamesPerImage = 5

/** The largest images first, as upstream lists them; at most `max`, -1 is all. */
export const nodeImages = (images: readonly Image[], max: number): NonNullable<NodeStatus['images']> =>
  images
    .filter(({ repoTags, repoDigests }) => repoTags.length + repoDigests.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, max < 0 ? undefined : max)
    .map(({ repoTags, repoDigests, sizeBytes }) => ({
      names: [...repoDigests, ...repoTags].slice(0, maxNamesPerImage),
      sizeBytes,
    }))

const pressures: Readonly<
  Record<PressureCondition, readonly [good: string, goodText: string, bad: string, badText: string]>
> = {
  MemoryPressure: [
    'KubeletHasSufficientMemory',
    'kubelet has sufficient memory available',
    'KubeletHasInsufficientMemory',
    'kubelet has insufficient memory available',
  ],
  DiskPressure: [
    'KubeletHasNoDiskPressure',
    'kubelet has no disk pressure',
    'KubeletHasDiskPressure',
    'kubelet has disk pressure',
  ],
  PIDPressure: [
    'KubeletHasSufficientPID',
    'kubelet has sufficient PID available',
    'KubeletHasInsufficientPID',
    'kubelet has insufficient PID available',
  ],
}

type BareCondition = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>

const pressureConditions = (pressure: readonly PressureCondition[]): BareCondition[] =>
  (Object.entries(pressures) as [PressureCondition, (typeof pressures)[PressureCondition]][]).map(
    ([type, [good, goodText, bad, badText]]) =>
      pressure.includes(type)
        ? { type, status: 'True', reason: bad, message: badText }
        : { type, status: 'False', reason: good, message: goodText },
  )

export interface NodeHealth {
  /** '' when all is well. */
  readonly notReady: string
  readonly pressure: readonly PressureCondition[]
}

/** Conditions with heartbeat and transition times. */
export const nodeConditions = (
  old: readonly NodeCondition[],
  { notReady, pressure }: NodeHealth,
  now: string,
): NodeCondition[] => {
  const wanted: BareCondition[] = [
    ...pressureConditions(pressure),
    notReady === ''
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: notReady },
  ]
  return wanted.map((condition) => {
    const before = old.find(({ type }) => type === condition.type)
    return {
      ...condition,
      lastHeartbeatTime: now,
      lastTransitionTime:
        before?.status === condition.status && before.lastTransitionTime !== undefined
          ? before.lastTransitionTime
          : now,
    } as NodeCondition
  })
}

export interface NodeStatusRequest extends CapacityRequest, NodeHealth {
  readonly name: string
  readonly addresses: readonly string[]
  readonly images: readonly Image[]
  readonly maxImages: number
  readonly runtime: { readonly name: string; readonly version: string }
  readonly features: RuntimeFeatures
  readonly devices: DeviceAmounts
  readonly port: number
  /** Attached volumes that Pods of this node use: they may not be detached. */
  readonly volumesInUse: readonly string[]
  readonly old: NodeStatus
  readonly now: string
}

export const nodeStatus = (request: NodeStatusRequest): NodeStatus => {
  const { machine, runtime } = request
  const { supplementalGroupsPolicy, handlers } = request.features
  return {
    ...withDevices(capacityOf(request), request.devices),
    conditions: nodeConditions(request.old.conditions ?? [], request, request.now),
    addresses: [
      ...request.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: request.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: request.port } } as NonNullable<NodeStatus['daemonEndpoints']>,
    nodeInfo: {
      machineID: machine.machineID,
      systemUUID: machine.systemUUID,
      bootID: machine.bootID,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kubeletVersion: 'v1.36.0',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
    },
    images: nodeImages(request.images, request.maxImages),
    features: { supplementalGroupsPolicy },
    declaredFeatures: [...declaredFeatures],
    volumesInUse: [...request.volumesInUse],
    runtimeHandlers: handlers.map(({ name, ...features }) => ({ name, features })),
  }
}
