/** What would have to change for a node to take a Pod, in a sentence a user can act on. Pure. */
import type { Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import { podResources } from '../framework/resources.ts'
import { podClaims } from '../plugins/volumes/pod-claims.ts'
import type { Rejection } from '../framework/status.ts'

/** Amounts as people write them: cpu in millicores, bytes as Mi. */
const amount = (name: string, value: number): string => {
  if (name === 'cpu') return `${value}m`
  return name === 'memory' || name === 'ephemeral-storage' ? `${Math.ceil(value / 2 ** 20)}Mi` : String(value)
}

const roomFor = (pod: Pod, info: LiveNodeInfo): string => {
  const missing = podResources(pod).wanted.flatMap(({ name, amount: wanted }) => {
    const has = info.allocatable.get(name) ?? 0
    const free = has - (info.requested.get(name) ?? 0)
    if (wanted <= free) return []
    return wanted > has
      ? [`${amount(name, wanted)} of ${name} are more than the ${amount(name, has)} of the whole node`]
      : [
          `${amount(name, wanted - free)} more of ${name} must become free (wanted ${amount(name, wanted)}, free ${amount(name, free)})`,
        ]
  })
  const most = info.allocatable.get('pods') ?? 0
  if (info.pods.size >= most) missing.push(`one of its ${info.pods.size} pods must go: it takes ${most}`)
  return missing.join('; ')
}

const taintOf = ({ node }: LiveNodeInfo): string =>
  (node.spec?.taints ?? [])
    .map(({ key, value, effect }) => `${key}${value === undefined ? '' : `=${value}`}:${effect}`)
    .join(', ')

const claimsOf = (pod: Pod): string =>
  podClaims(pod)
    .map(({ name }) => name)
    .join(', ')

const selectorOf = (pod: Pod): string =>
  Object.entries(pod.spec?.nodeSelector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')

type Advise = (pod: Pod, info: LiveNodeInfo) => string

/** By plugin; the others' reasons say it themselves. */
const advisers: Readonly<Record<string, Advise>> = {
  NodeResourcesFit: roomFor,
  NodeUnschedulable: (_pod, { name }) =>
    `kubectl uncordon ${name}, or tolerate node.kubernetes.io/unschedulable:NoSchedule`,
  TaintToleration: (_pod, info) => `the pod must tolerate, or the node lose: ${taintOf(info)}`,
  NodeAffinity: (pod) => {
    const selector = selectorOf(pod)
    return selector === ''
      ? 'the labels of the node must match the node affinity of the pod'
      : `the labels of the node must have ${selector}, and match the node affinity of the pod if it has one`
  },
  NodeName: (pod) => `the pod asks for the node ${pod.spec?.nodeName}`,
  NodePorts: () => 'a pod of the node that uses the same host port must go',
  InterPodAffinity: () =>
    'pods that the affinity wants must come to its topology, or those that anti-affinity forbids must go',
  VolumeRestrictions: (pod) => `pods that use the same volumes (claims: ${claimsOf(pod) || 'none'}) must go`,
  NodeVolumeLimits: () => 'pods of the node with volumes of the same driver must go, or its CSINode allow more',
  VolumeBinding: (pod) =>
    `volumes for ${claimsOf(pod)} must be reachable from the node, or be made there: see the claims and their storage classes`,
  VolumeZone: (pod) => `the volumes of ${claimsOf(pod)} are in another zone or region than the node`,
  DynamicResources: (pod) =>
    `devices that suit ${(pod.spec?.resourceClaims ?? []).map(({ name }) => name).join(', ')} must be published for the node, or come free there: see its ResourceSlices`,
  PodTopologySpread: () => 'pods of the other domains must come, or of this one go, until maxSkew is kept',
}

/** Empty: there is nothing better to say than the reasons. */
export const adviceFor = (pod: Pod, info: LiveNodeInfo | undefined, { plugin = '' }: Rejection): string =>
  info === undefined ? '' : (advisers[plugin]?.(pod, info) ?? '')
