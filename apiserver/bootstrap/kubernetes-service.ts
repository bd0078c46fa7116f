/**
 * default/kubernetes: the Service by which Pods reach the API servers, and its Endpoints and EndpointSlice. Each
 * server keeps a lease in the store; the addresses are those of the servers whose lease lives.
 * Upstream: pkg/controlplane/controller/kubernetesservice and pkg/controlplane/reconcilers/lease.go
 */
import { isIPv6 } from 'node:net'
import type { Endpoints, EndpointSlice, Service } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Resources } from '../registry/resources.ts'
import { equalJson } from '../storage/json.ts'
import type { KeyValueStore } from '../storage/key-value.ts'
import { prefixEnd } from '../storage/keys.ts'
import type { LeasePool } from '../storage/lease-pool.ts'
import { ensureExists, ensureLike } from './ensure.ts'

export interface KubernetesServiceOptions {
  readonly resources: Resources
  readonly store: KeyValueStore
  /** `--etcd-prefix`. */
  readonly root: string
  readonly advertiseAddress: string
  readonly securePort: number
  readonly clusterIp: string
  readonly leases: LeasePool
  readonly log: Logger
}

const leaseSeconds = 15
const renewMs = 10_000

const meta = { name: 'kubernetes', namespace: 'default' }

export const ensureKubernetesService = async ({
  resources,
  clusterIp,
  securePort,
}: KubernetesServiceOptions): Promise<void> => {
  const service: Service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { ...meta, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: securePort }],
      clusterIP: clusterIp,
      type: 'ClusterIP',
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
    },
  }
  await ensureExists(resources.get({ group: '', version: 'v1', resource: 'services' }), service)
}

/** Upstream: DefaultEndpointReconcilerInterval. */
const serviceIntervalMs = 10_000

/** Makes the Service again when somebody deletes it, until the signal. */
export const keepKubernetesService = async (options: KubernetesServiceOptions, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await sleep(serviceIntervalMs, signal).catch(() => {})
    if (signal.aborted) return
    await ensureKubernetesService(options).catch((err: unknown) =>
      options.log.warn({ err }, 'cannot keep the kubernetes Service'),
    )
  }
}

const leaseKey = ({ root, advertiseAddress }: KubernetesServiceOptions): string =>
  `${root}/masterleases/${advertiseAddress}`

const renewLease = async (options: KubernetesServiceOptions): Promise<void> => {
  const { store, advertiseAddress } = options
  const key = leaseKey(options)
  const value = Buffer.from(
    JSON.stringify({
      kind: 'Endpoints',
      apiVersion: 'v1',
      metadata: {},
      subsets: [{ addresses: [{ ip: advertiseAddress }] }],
    }),
  )
  // A lease of its own each time: it must end when this server does.
  const lease = await store.grantLease(leaseSeconds)
  let { current } = await store.get(key)
  for (;;) {
    const result = await store.put(key, value, current?.modRevision ?? 0, lease)
    if (result.type === 'written') return
    current = result.current
  }
}

const livingAddresses = async ({ store, root }: KubernetesServiceOptions): Promise<string[]> => {
  const prefix = `${root}/masterleases/`
  const { items } = await store.list({ start: prefix, end: prefixEnd(prefix) })
  return items.map(({ key }) => key.slice(prefix.length)).toSorted()
}

const reconcileEndpoints = async (options: KubernetesServiceOptions, addresses: readonly string[]): Promise<void> => {
  const { resources, securePort } = options
  const ports = [{ name: 'https', port: securePort, protocol: 'TCP' }]
  const subsets = addresses.length === 0 ? [] : [{ addresses: addresses.map((ip) => ({ ip })), ports }]
  const endpoints: Endpoints = {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { ...meta, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets,
  }
  const slice: EndpointSlice = {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: isIPv6(options.advertiseAddress) ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports,
  }
  const endpointsResource = resources.get({ group: '', version: 'v1', resource: 'endpoints' })
  const slices = resources.get({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' })
  await Promise.all([endpointsResource.store.cache.ready(), slices.store.cache.ready()])
  const known = endpointsResource.store.cache.get('default/kubernetes')?.object as Endpoints | undefined
  const knownSlice = slices.store.cache.get('default/kubernetes')?.object as EndpointSlice | undefined
  if (!equalJson(known?.subsets ?? [], subsets) || known === undefined) {
    await ensureLike(endpointsResource, endpoints, (current) => {
      ;(current as Endpoints).subsets = subsets
    })
  }
  if (
    knownSlice === undefined ||
    !equalJson(knownSlice.endpoints, slice.endpoints) ||
    !equalJson(knownSlice.ports, ports)
  ) {
    await ensureLike(slices, slice, (current) => {
      ;(current as EndpointSlice).endpoints = slice.endpoints
      ;(current as EndpointSlice).ports = ports
    })
  }
}

/** Keeps this server's address among the endpoints until the signal; then takes it out. */
export const keepEndpoints = async (options: KubernetesServiceOptions, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    try {
      await renewLease(options)
      await reconcileEndpoints(options, await livingAddresses(options))
    } catch (err) {
      options.log.warn({ err }, 'cannot reconcile the endpoints of the kubernetes Service')
    }
    await sleep(renewMs, signal).catch(() => {})
  }
  try {
    const { current } = await options.store.get(leaseKey(options))
    if (current !== undefined) await options.store.delete(current.key, current.modRevision)
    await reconcileEndpoints(options, await livingAddresses(options))
  } catch (err) {
    options.log.warn({ err }, 'cannot leave the endpoints of the kubernetes Service')
  }
}
