/** The declarative cluster file: what `npm start` brings up and a running cluster converges to. */
import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { load } from 'js-yaml'
import { addressAt, contains, offsetIn, parseCidr, primaryOf, rangesOf } from './cidr.ts'

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
}

export interface NodePool {
  readonly name: string
  readonly count: number
  readonly zones: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  /** Extra fields of KubeletConfiguration for this pool's kubelets. */
  readonly kubelet: Readonly<Record<string, unknown>>
  readonly runtime: NodeRuntime
}

/** What a node's Pods run on: the machine's Docker engine, or a containerd of the node's own. */
export type NodeRuntime = 'docker' | 'containerd'

/** An etcd that somebody else runs, as kubeadm's etcd.external. */
export interface ExternalEtcd {
  readonly endpoints: readonly string[]
  /** PEM files; undefined for http endpoints. */
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string } | undefined
}

export interface ClusterConfig {
  readonly name: string
  /** Each is a range, or one of each family joined by a comma; the first is the primary one. */
  readonly networking: {
    readonly nodeCIDR: string
    readonly podCIDR: string
    readonly serviceCIDR: string
    readonly dnsDomain: string
    /** False: the tenth address of the Service range is for a DNS of your own, CoreDNS in Pods, say. */
    readonly clusterDNS: boolean
  }
  readonly controlPlane: {
    readonly apiServerPort: number
    readonly etcdPort: number
    readonly etcdMetricsPort: number
    /** Undefined: etcd-lite, beside the API server. */
    readonly externalEtcd: ExternalEtcd | undefined
    readonly controllerManagerPort: number
    readonly schedulerPort: number
    /** 0: no metrics-server. */
    readonly metricsServerPort: number
    /** Ingresses are served, by a proxy on each node. */
    readonly ingressController: boolean
    /** Extra command-line flags by component: `{ 'kube-apiserver': { v: '4' } }`. */
    readonly extraArgs: Readonly<Record<string, Readonly<Record<string, string>>>>
  }
  readonly nodePools: readonly NodePool[]
}

/** One node of a pool, with everything that is derived from the cluster file. */
export interface NodeConfig {
  readonly name: string
  readonly address: string
  /** One of each family of the node network; the first is `address`. */
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly kubelet: Readonly<Record<string, unknown>>
  readonly runtime: NodeRuntime
}

/** A mistake in the cluster file; the message names the field. */
export class ClusterConfigError extends Error {
  override readonly name = 'ClusterConfigError'
}

type Raw = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value)

const record = (value: unknown, path: string): Raw => {
  if (value === undefined || value === null) return {}
  if (!isRecord(value)) throw new ClusterConfigError(`${path}: must be a mapping`)
  return value
}

const onlyKeys = (value: Raw, path: string, known: readonly string[]): void => {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new ClusterConfigError(`${path}.${key}: unknown field (known: ${known.join(', ')})`)
  }
}

const text = (value: unknown, path: string, fallback?: string): string => {
  if (value === undefined && fallback !== undefined) return fallback
  if (typeof value !== 'string' || value === '') throw new ClusterConfigError(`${path}: must be a non-empty string`)
  return value
}

const integer = (value: unknown, path: string, fallback: number, max: number): number => {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new ClusterConfigError(`${path}: must be a whole number from 0 to ${max}`)
  }
  return value
}

const flag = (value: unknown, path: string, fallback: boolean): boolean => {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw new ClusterConfigError(`${path}: must be true or false`)
  return value
}

const strings = (value: unknown, path: string): string[] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw new ClusterConfigError(`${path}: must be a list of strings`)
  }
  return value as string[]
}

const stringMap = (value: unknown, path: string): Record<string, string> =>
  Object.fromEntries(Object.entries(record(value, path)).map(([key, item]) => [key, String(item)]))

const cidr = (value: unknown, path: string, fallback: string): string => {
  const ranges = text(value, path, fallback)
  try {
    const families = rangesOf(ranges).map((range) => parseCidr(range).family)
    if (families.length > 2 || new Set(families).size !== families.length)
      throw new RangeError('must be one range, or one of IPv4 and one of IPv6')
  } catch (error) {
    throw new ClusterConfigError(`${path}: ${(error as Error).message}`)
  }
  return ranges
}

const taint = (value: unknown, path: string): Taint => {
  const raw = record(value, path)
  onlyKeys(raw, path, ['key', 'value', 'effect'])
  const effect = text(raw['effect'], `${path}.effect`)
  if (effect !== 'NoSchedule' && effect !== 'PreferNoSchedule' && effect !== 'NoExecute') {
    throw new ClusterConfigError(`${path}.effect: must be NoSchedule, PreferNoSchedule or NoExecute`)
  }
  return {
    key: text(raw['key'], `${path}.key`),
    ...(raw['value'] === undefined ? {} : { value: String(raw['value']) }),
    effect,
  }
}

const nodePool = (value: unknown, path: string): NodePool => {
  const raw = record(value, path)
  onlyKeys(raw, path, ['name', 'count', 'zones', 'labels', 'taints', 'kubelet', 'runtime'])
  const name = text(raw['name'], `${path}.name`)
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) throw new ClusterConfigError(`${path}.name: must be a DNS label`)
  const runtime = raw['runtime'] ?? 'docker'
  if (runtime !== 'docker' && runtime !== 'containerd')
    throw new ClusterConfigError(`${path}.runtime: must be docker or containerd`)
  const taints = raw['taints'] ?? []
  if (!Array.isArray(taints)) throw new ClusterConfigError(`${path}.taints: must be a list`)
  return {
    name,
    count: integer(raw['count'], `${path}.count`, 1, 200),
    zones: strings(raw['zones'], `${path}.zones`),
    labels: stringMap(raw['labels'], `${path}.labels`),
    taints: taints.map((item, index) => taint(item, `${path}.taints[${index}]`)),
    kubelet: record(raw['kubelet'], `${path}.kubelet`),
    runtime,
  }
}

const absolutePath = (value: unknown, path: string): string => {
  const file = text(value, path)
  if (!isAbsolute(file)) throw new ClusterConfigError(`${path}: must be an absolute path`)
  return file
}

const externalEtcd = (value: unknown, path: string): ExternalEtcd => {
  const raw = record(value, path)
  const files = ['caFile', 'certFile', 'keyFile'] as const
  onlyKeys(raw, path, ['endpoints', ...files])
  const endpoints = strings(raw['endpoints'], `${path}.endpoints`)
  if (endpoints.length === 0) throw new ClusterConfigError(`${path}.endpoints: at least one is needed`)
  const wrong = endpoints.find((endpoint) => !/^https?:\/\/[^/]+$/.test(endpoint))
  if (wrong !== undefined) {
    throw new ClusterConfigError(`${path}.endpoints: "${wrong}" is not of the form https://host:port`)
  }
  const secure = endpoints.some((endpoint) => endpoint.startsWith('https:'))
  if (!secure && files.every((file) => raw[file] === undefined)) return { endpoints, tls: undefined }
  const file = (name: (typeof files)[number]): string => absolutePath(raw[name], `${path}.${name}`)
  return { endpoints, tls: { caFile: file('caFile'), certFile: file('certFile'), keyFile: file('keyFile') } }
}

const etcdOf = (value: unknown, path: string): ExternalEtcd | undefined => {
  const raw = record(value, path)
  onlyKeys(raw, path, ['external'])
  return raw['external'] === undefined ? undefined : externalEtcd(raw['external'], `${path}.external`)
}

/** Checks a parsed cluster file and fills its defaults. Throws ClusterConfigError with the path of the bad field. */
export const toClusterConfig = (document: unknown): ClusterConfig => {
  const root = record(document, 'cluster')
  onlyKeys(root, 'cluster', ['apiVersion', 'kind', 'metadata', 'spec'])
  if (root['apiVersion'] !== 'kubets.dev/v1alpha1' || root['kind'] !== 'Cluster') {
    throw new ClusterConfigError('cluster: apiVersion must be kubets.dev/v1alpha1 and kind Cluster')
  }
  const name = text(record(root['metadata'], 'metadata')['name'], 'metadata.name', 'kubets')
  // Interface names have at most 15 characters: the name, a dash and what is left for a node's number.
  if (!/^[a-z][a-z0-9]{0,7}$/.test(name)) {
    throw new ClusterConfigError('metadata.name: must be 1 to 8 lower-case letters and digits')
  }
  const spec = record(root['spec'], 'spec')
  onlyKeys(spec, 'spec', ['networking', 'controlPlane', 'nodePools'])
  const networking = record(spec['networking'], 'spec.networking')
  onlyKeys(networking, 'spec.networking', ['nodeCIDR', 'podCIDR', 'serviceCIDR', 'dnsDomain', 'clusterDNS'])
  const controlPlane = record(spec['controlPlane'], 'spec.controlPlane')
  const ports = [
    'apiServerPort',
    'etcdPort',
    'etcdMetricsPort',
    'controllerManagerPort',
    'schedulerPort',
    'metricsServerPort',
  ] as const
  onlyKeys(controlPlane, 'spec.controlPlane', [...ports, 'ingressController', 'etcd', 'extraArgs'])
  const port = (key: (typeof ports)[number], fallback: number): number =>
    integer(controlPlane[key], `spec.controlPlane.${key}`, fallback, 65535)
  const pools = spec['nodePools'] ?? []
  if (!Array.isArray(pools)) throw new ClusterConfigError('spec.nodePools: must be a list')
  const nodePools = pools.map((item, index) => nodePool(item, `spec.nodePools[${index}]`))
  const names = nodePools.map((pool) => pool.name)
  const twice = names.find((item, index) => names.indexOf(item) !== index)
  if (twice !== undefined) throw new ClusterConfigError(`spec.nodePools: the name ${twice} stands twice`)
  const network = {
    nodeCIDR: cidr(networking['nodeCIDR'], 'spec.networking.nodeCIDR', '172.30.0.0/24'),
    podCIDR: cidr(networking['podCIDR'], 'spec.networking.podCIDR', '10.244.0.0/16'),
    serviceCIDR: cidr(networking['serviceCIDR'], 'spec.networking.serviceCIDR', '10.96.0.0/16'),
    dnsDomain: text(networking['dnsDomain'], 'spec.networking.dnsDomain', 'cluster.local'),
    clusterDNS: flag(networking['clusterDNS'], 'spec.networking.clusterDNS', true),
  }
  sameFamilies(network)
  return {
    name,
    networking: network,
    controlPlane: {
      apiServerPort: port('apiServerPort', 6443),
      etcdPort: port('etcdPort', 2379),
      etcdMetricsPort: port('etcdMetricsPort', 2381),
      externalEtcd: etcdOf(controlPlane['etcd'], 'spec.controlPlane.etcd'),
      controllerManagerPort: port('controllerManagerPort', 10257),
      schedulerPort: port('schedulerPort', 10259),
      metricsServerPort: port('metricsServerPort', 4443),
      ingressController: flag(controlPlane['ingressController'], 'spec.controlPlane.ingressController', true),
      extraArgs: Object.fromEntries(
        Object.entries(record(controlPlane['extraArgs'], 'spec.controlPlane.extraArgs')).map(([component, flags]) => [
          component,
          stringMap(flags, `spec.controlPlane.extraArgs.${component}`),
        ]),
      ),
    },
    nodePools,
  }
}

/** Ranges of one family without its counterpart would make Pods and Services that nobody reaches. */
const sameFamilies = ({ nodeCIDR, podCIDR, serviceCIDR }: ClusterConfig['networking']): void => {
  const familiesOf = (ranges: string): string =>
    rangesOf(ranges)
      .map((range) => parseCidr(range).family)
      .join()
  const families = familiesOf(nodeCIDR)
  if (familiesOf(podCIDR) === families && familiesOf(serviceCIDR) === families) return
  throw new ClusterConfigError(
    'spec.networking: nodeCIDR, podCIDR and serviceCIDR must have ranges of the same families in the same order',
  )
}

/** Reads and checks a cluster file. */
export const loadClusterConfig = (path: string): ClusterConfig => {
  const source = readFileSync(path, 'utf8')
  try {
    return toClusterConfig(load(source))
  } catch (error) {
    throw new ClusterConfigError(`${path}: ${(error as Error).message}`)
  }
}

/** Offset of the first node's address in the node CIDR: .1 is the machine, the rest up to it is free for masters. */
const firstNodeOffset = 11

/**
 * The nodes that the file asks for. A node's number in its pool decides its zone; its address comes from `known`
 * (what earlier starts handed out), so that a node keeps its address when pools before it grow or shrink.
 */
export const nodesOf = (config: ClusterConfig, known: ReadonlyMap<string, string>): NodeConfig[] => {
  const names = config.nodePools.flatMap((pool) =>
    Array.from({ length: pool.count }, (_, index) => ({ pool, index, name: `${pool.name}-${index + 1}` })),
  )
  const ranges = rangesOf(config.networking.nodeCIDR)
  const nodeCIDR = primaryOf(config.networking.nodeCIDR)
  /** An address that the range, when it was changed, no longer has is given up. */
  const kept = (name: string): string | undefined => {
    const address = known.get(name)
    return address !== undefined && contains(nodeCIDR, address) ? address : undefined
  }
  const taken = new Set(names.map(({ name }) => kept(name)))
  let offset = firstNodeOffset
  const nextAddress = (): string => {
    for (;;) {
      const address = addressAt(nodeCIDR, offset++)
      if (!taken.has(address)) return address
    }
  }
  return names.map(({ pool, index, name }) => {
    const zone = pool.zones.length === 0 ? undefined : pool.zones[index % pool.zones.length]
    const address = kept(name) ?? nextAddress()
    return {
      name,
      address,
      addresses: ranges.map((range) => addressAt(range, offsetIn(nodeCIDR, address))),
      labels: {
        'kubets.dev/node-pool': pool.name,
        'topology.kubernetes.io/region': 'local',
        ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
        ...pool.labels,
      },
      taints: pool.taints,
      kubelet: pool.kubelet,
      runtime: pool.runtime,
    }
  })
}
