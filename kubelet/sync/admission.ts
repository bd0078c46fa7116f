/** Whether a new Pod fits the node; one that does not is rejected for good. Upstream: pkg/kubelet/lifecycle/predicate.go. */
import { podMatchesNode } from '../../api/core/node-affinity.ts'
import { tolerationsTolerateTaint } from '../../api/core/tolerations.ts'
import { podRequests, qosClass } from '../../api/meta/pods.ts'
import {
  addQuantities,
  compareQuantities,
  milliValue,
  parseQuantity,
  type Quantity,
  quantityValue,
  subQuantities,
  zeroQuantity,
} from '../../api/meta/quantity.ts'
import type { Node } from '../../api/types.ts'
import type { PressureCondition } from '../eviction/pressure.ts'
import { type BoundPod, isCriticalPod, isHostNetwork, isStaticPod } from '../pod.ts'
import type { RuntimeFeatures } from '../runtime/runtime-service.ts'
import { appArmorProblem, type LoadedProfiles } from './app-armor.ts'
import type { Decision } from './pod-syncer.ts'
import type { AdmitSysctls } from './sysctls.ts'

interface PortUse {
  readonly ip: string
  readonly key: string
}

const portsOf = (pod: BoundPod): PortUse[] =>
  [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP = '' }) => {
      const port = hostPort ?? (isHostNetwork(pod) ? containerPort : 0)
      return port === 0 ? [] : [{ key: `${protocol}/${port}`, ip: hostIP === '' ? '0.0.0.0' : hostIP }]
    }),
  )

const conflicts = (a: PortUse, b: PortUse): boolean =>
  a.key === b.key && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')

/** In the resource's own unit: milli for cpu, else whole. */
export const unitsOf = (name: string, amount: Quantity): number =>
  name === 'cpu' ? milliValue(amount) : quantityValue(amount)

export interface Shortage {
  readonly resource: string
  readonly requested: number
  readonly used: number
  readonly capacity: number
}

/** The resources that the node has too little of beside `others`. Upstream: InsufficientResourceError. */
export const shortagesOf = (pod: BoundPod, node: Node, others: readonly BoundPod[]): Shortage[] => {
  const allocatable = node.status?.allocatable ?? {}
  const maxPods = Number(allocatable['pods'] ?? '110')
  const shortages: Shortage[] = []
  if (others.length + 1 > maxPods) {
    shortages.push({ resource: 'pods', requested: 1, used: others.length, capacity: maxPods })
  }
  const used: Record<string, Quantity> = {}
  for (const other of others) {
    for (const [name, amount] of Object.entries(podRequests(other)))
      used[name] = addQuantities(used[name] ?? zeroQuantity, amount)
  }
  for (const [name, wanted] of Object.entries(podRequests(pod))) {
    const total = allocatable[name]
    if (total === undefined) continue
    const capacity = parseQuantity(total)
    const taken = used[name] ?? zeroQuantity
    if (compareQuantities(wanted, zeroQuantity) === 0 || compareQuantities(wanted, subQuantities(capacity, taken)) <= 0)
      continue
    shortages.push({
      resource: name,
      requested: unitsOf(name, wanted),
      used: unitsOf(name, taken),
      capacity: unitsOf(name, capacity),
    })
  }
  return shortages
}

/** The first of them. */
export const shortageOf = (pod: BoundPod, node: Node, others: readonly BoundPod[]): Shortage | undefined =>
  shortagesOf(pod, node, others)[0]

/** The shortage in upstream's words. */
export const shortageMessage = ({ resource, requested, used, capacity }: Shortage): string =>
  `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`

/** What the machine and its configuration let Pods have. */
export interface HostPolicy {
  readonly admitSysctls: AdmitSysctls
  readonly appArmorProfiles: LoadedProfiles
  readonly features: RuntimeFeatures
  /** Of the node, now. */
  readonly pressure: () => readonly PressureCondition[]
  /** The machine is about to go down. */
  readonly shuttingDown: () => boolean
}

/** What no other node's load or labels would change. */
const forbidden = (pod: BoundPod, { admitSysctls, appArmorProfiles, features }: HostPolicy): Decision | undefined => {
  const rejected = (reason: string, message: string): Decision => ({ reason, message: `Pod was rejected: ${message}` })
  const os = pod.spec.os?.name
  if (os !== undefined && os !== 'linux') {
    return rejected('PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS")
  }
  const policy = pod.spec.securityContext?.supplementalGroupsPolicy
  if (policy === 'Strict' && !features.supplementalGroupsPolicy) {
    return rejected(
      'SupplementalGroupsPolicyNotSupported',
      `SupplementalGroupsPolicy=${policy} is not supported in this node`,
    )
  }
  const sysctl = admitSysctls(pod)
  if (sysctl !== undefined) return rejected('SysctlForbidden', sysctl)
  const appArmor = appArmorProblem(pod, appArmorProfiles)
  return appArmor === undefined ? undefined : rejected('AppArmor', appArmor)
}

/** Under pressure only Pods that make it no worse are let in. Upstream: managerImpl.Admit. */
const underPressure = (pod: BoundPod, conditions: readonly PressureCondition[]): Decision | undefined => {
  if (conditions.length === 0 || isCriticalPod(pod)) return undefined
  if (conditions.every((condition) => condition === 'MemoryPressure')) {
    const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' }
    if (qosClass(pod) !== 'BestEffort' || tolerationsTolerateTaint(pod.spec.tolerations, taint)) return undefined
  }
  return { reason: 'Evicted', message: `Pod was rejected: The node had condition: [${conditions.join(' ')}]. ` }
}

/** Upstream: nodeshutdown's Admit. */
const shutdownRejection = ({ shuttingDown }: HostPolicy): Decision | undefined =>
  shuttingDown()
    ? { reason: 'NodeShutdown', message: 'Pod was rejected: Pod was rejected as the node is shutting down.' }
    : undefined

/** What other Pods or the node's own labels and taints keep the Pod from. Upstream: generalFilter. */
const misfit = (pod: BoundPod, node: Node, others: readonly BoundPod[]): Decision | undefined => {
  const predicate = (name: string, why: string): Decision => ({
    reason: name,
    message: `Pod was rejected: Predicate ${name} failed: ${why}`,
  })
  if (!podMatchesNode(pod, node)) {
    return predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
  }
  const taken = others.flatMap(portsOf)
  if (portsOf(pod).some((port) => taken.some((other) => conflicts(port, other)))) {
    return predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports")
  }
  const untolerated = (node.spec?.taints ?? []).some(
    (taint) => taint.effect === 'NoExecute' && !tolerationsTolerateTaint(pod.spec.tolerations, taint),
  )
  if (untolerated && !isStaticPod(pod)) {
    return predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate")
  }
  return undefined
}

/** `short` is a rejection for want of resources, which a critical Pod may take from others. */
export type Admission =
  | { readonly type: 'admitted' }
  | { readonly type: 'rejected'; readonly decision: Decision }
  | { readonly type: 'short'; readonly decision: Decision; readonly shortages: readonly Shortage[] }

/** `others` are the Pods that hold resources of the node now; without a Node there is nothing to check. */
export const judgePod = (
  pod: BoundPod,
  node: Node | undefined,
  others: readonly BoundPod[],
  host: HostPolicy,
): Admission => {
  const decision = underPressure(pod, host.pressure()) ?? forbidden(pod, host) ?? shutdownRejection(host)
  if (decision !== undefined) return { type: 'rejected', decision }
  if (node === undefined) return { type: 'admitted' }
  const shortages = shortagesOf(pod, node, others)
  const other = misfit(pod, node, others)
  const [first] = shortages
  if (first === undefined) return other === undefined ? { type: 'admitted' } : { type: 'rejected', decision: other }
  const short = { reason: `OutOf${first.resource}`, message: `Pod was rejected: ${shortageMessage(first)}` }
  return other === undefined ? { type: 'short', decision: short, shortages } : { type: 'rejected', decision: short }
}
