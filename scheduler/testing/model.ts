/**
 * The rules of scheduling once more, as plainly as they can be said: every question is answered by looking at all Pods
 * on all nodes. What the scheduler does is held against this.
 */
import type { Node, Pod } from '../../api/types.ts'

export interface ModelNode {
  readonly name: string
  readonly cpu: number
  readonly maxPods: number
  readonly zone: string | undefined
  readonly isTainted: boolean
  readonly isCordoned: boolean
}

export type Topology = 'kubernetes.io/hostname' | 'zone'

export interface ModelTerm {
  readonly app: string
  readonly topology: Topology
}

export interface ModelPod {
  readonly name: string
  readonly app: string
  readonly cpu: number
  readonly zone: string | undefined
  readonly tolerates: boolean
  readonly hostPort: number | undefined
  readonly near: ModelTerm | undefined
  readonly apart: ModelTerm | undefined
  readonly spread: { readonly topology: Topology; readonly maxSkew: number } | undefined
}

/** Who is where. */
export interface World {
  readonly nodes: readonly ModelNode[]
  readonly placed: readonly { readonly pod: ModelPod; readonly node: string }[]
}

const domainOf = (node: ModelNode, topology: Topology): string | undefined =>
  topology === 'zone' ? node.zone : node.name

/** Pods on nodes of one domain. */
const podsIn = ({ nodes, placed }: World, topology: Topology, domain: string): ModelPod[] =>
  placed
    .filter(({ node: name }) => nodes.some((node) => node.name === name && domainOf(node, topology) === domain))
    .map(({ pod }) => pod)

const fits = (pod: ModelPod, node: ModelNode, { placed }: World): boolean => {
  const here = placed.filter((one) => one.node === node.name).map((one) => one.pod)
  if (here.length + 1 > node.maxPods) return false
  if (here.reduce((sum, { cpu }) => sum + cpu, pod.cpu) > node.cpu && pod.cpu > 0) return false
  return pod.hostPort === undefined || here.every(({ hostPort }) => hostPort !== pod.hostPort)
}

const mayGoTo = (pod: ModelPod, node: ModelNode): boolean => pod.zone === undefined || pod.zone === node.zone

const keepsApart = (pod: ModelPod, node: ModelNode, world: World): boolean => {
  if (pod.apart !== undefined) {
    const { app, topology } = pod.apart
    const domain = domainOf(node, topology)
    if (domain !== undefined && podsIn(world, topology, domain).some((other) => other.app === app)) return false
  }
  return world.placed.every(({ pod: other, node: name }) => {
    if (other.apart?.app !== pod.app) return true
    const itsNode = world.nodes.find((one) => one.name === name)
    const domain = itsNode && domainOf(itsNode, other.apart.topology)
    return domain === undefined || domain !== domainOf(node, other.apart.topology)
  })
}

const staysNear = (pod: ModelPod, node: ModelNode, world: World): boolean => {
  if (pod.near === undefined) return true
  const { app, topology } = pod.near
  const domain = domainOf(node, topology)
  if (domain === undefined) return false
  if (podsIn(world, topology, domain).some((other) => other.app === app)) return true
  const domains = new Set(world.nodes.map((one) => domainOf(one, topology)).filter((one) => one !== undefined))
  const isAnywhere = [...domains].some((one) => podsIn(world, topology, one).some((other) => other.app === app))
  return !isAnywhere && pod.app === app
}

const spreads = (pod: ModelPod, node: ModelNode, world: World): boolean => {
  if (pod.spread === undefined) return true
  const { topology, maxSkew } = pod.spread
  const domain = domainOf(node, topology)
  if (domain === undefined) return false
  const eligible = world.nodes.filter((one) => domainOf(one, topology) !== undefined && mayGoTo(pod, one))
  const countIn = (wanted: string): number =>
    world.placed.filter(({ pod: other, node: name }) => {
      const itsNode = eligible.find((one) => one.name === name)
      return other.app === pod.app && itsNode !== undefined && domainOf(itsNode, topology) === wanted
    }).length
  const domains = new Set(eligible.map((one) => domainOf(one, topology) ?? ''))
  const least = domains.size === 0 ? 0 : Math.min(...[...domains].map(countIn))
  return countIn(domain) + 1 - least <= maxSkew
}

export const isFeasible = (pod: ModelPod, node: ModelNode, world: World): boolean =>
  !node.isCordoned &&
  (!node.isTainted || pod.tolerates) &&
  mayGoTo(pod, node) &&
  fits(pod, node, world) &&
  keepsApart(pod, node, world) &&
  staysNear(pod, node, world) &&
  spreads(pod, node, world)

export const feasibleNodes = (pod: ModelPod, world: World): string[] =>
  world.nodes.filter((node) => isFeasible(pod, node, world)).map(({ name }) => name)

/** The node as an object. */
export const toNode = ({ name, cpu, maxPods, zone, isTainted, isCordoned }: ModelNode, version: number): Node => ({
  metadata: {
    name,
    uid: `uid-${name}`,
    resourceVersion: String(version),
    labels: { 'kubernetes.io/hostname': name, ...(zone === undefined ? {} : { zone }) },
  },
  spec: { unschedulable: isCordoned, taints: isTainted ? [{ key: 'x', effect: 'NoSchedule' }] : [] },
  status: { allocatable: { cpu: String(cpu), memory: '1Gi', pods: String(maxPods) } },
})

const affinityTerm = ({ app, topology }: ModelTerm) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: topology, labelSelector: { matchLabels: { app } } }],
})

/** The Pod as an object that waits for its node. */
export const toPod = (pod: ModelPod, version: number): Pod => ({
  metadata: {
    name: pod.name,
    namespace: 'default',
    uid: `uid-${pod.name}`,
    resourceVersion: String(version),
    labels: { app: pod.app },
  },
  spec: {
    schedulerName: 'default-scheduler',
    containers: [
      {
        name: 'c',
        resources: { requests: pod.cpu === 0 ? {} : { cpu: String(pod.cpu) } },
        ports: pod.hostPort === undefined ? [] : [{ containerPort: 80, hostPort: pod.hostPort }],
      },
    ],
    ...(pod.zone === undefined ? {} : { nodeSelector: { zone: pod.zone } }),
    tolerations: pod.tolerates ? [{ key: 'x', operator: 'Exists' }] : [],
    affinity: {
      ...(pod.near === undefined ? {} : { podAffinity: affinityTerm(pod.near) }),
      ...(pod.apart === undefined ? {} : { podAntiAffinity: affinityTerm(pod.apart) }),
    },
    topologySpreadConstraints:
      pod.spread === undefined
        ? []
        : [
            {
              topologyKey: pod.spread.topology,
              maxSkew: pod.spread.maxSkew,
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: { app: pod.app } },
            },
          ],
  },
})
