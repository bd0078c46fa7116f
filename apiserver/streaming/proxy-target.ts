/** What pods/proxy, services/proxy and nodes/proxy reach. Upstream: the ResourceLocation functions. */
import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { badRequest, isReason, StatusError } from '../../api/meta/status-error.ts'
import type { Endpoints, Pod } from '../../api/types.ts'
import { type Backend, kubeletBackend, plainBackend } from './backend.ts'
import { type AnyConnectContext, getEndpoints, getNode, getPod, getService } from './context.ts'
import { type HostPort, kubeletAddress } from './kubelet-address.ts'

export interface ProxyName {
  readonly scheme: '' | 'http' | 'https'
  readonly name: string
  readonly port: string
}

/** `name`, `name:port`, `http:name:port`, `https:name:port`; port may be a name or ''. Undefined if it is none of these. */
export const parseProxyName = (id: string): ProxyName | undefined => {
  const parts = id.split(':')
  const [scheme, name, port] =
    parts.length === 3 ? parts : parts.length <= 2 ? ['', parts[0], parts[1] ?? ''] : [undefined]
  if (name === undefined || name === '' || port === undefined) return undefined
  return scheme === '' || scheme === 'http' || scheme === 'https' ? { scheme, name, port } : undefined
}

const parsed = (kind: string, id: string): ProxyName => {
  const name = parseProxyName(id)
  if (name === undefined) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`)
  return name
}

/** Addresses that mean something else on the API server's own host. */
const forbidden = new BlockList()
forbidden.addSubnet('0.0.0.0', 32, 'ipv4')
forbidden.addSubnet('127.0.0.0', 8, 'ipv4')
forbidden.addSubnet('169.254.0.0', 16, 'ipv4')
forbidden.addSubnet('224.0.0.0', 4, 'ipv4')
forbidden.addSubnet('255.255.255.255', 32, 'ipv4')
forbidden.addSubnet('::', 127, 'ipv6')
forbidden.addSubnet('fe80::', 10, 'ipv6')
forbidden.addSubnet('ff00::', 8, 'ipv6')

/** Only global unicast addresses may be reached. Upstream: proxyutil.IsProxyableIP. */
export const isProxyable = (ip: string): boolean => {
  const family = isIP(ip)
  return family !== 0 && !forbidden.check(ip, family === 6 ? 'ipv6' : 'ipv4')
}

const checkIp = (ip: string): void => {
  if (!isProxyable(ip)) throw badRequest('address not allowed')
}

const unavailable = (message: string): StatusError => new StatusError('ServiceUnavailable', message)
const portNumber = (text: string): number | undefined => (/^\d{1,5}$/.test(text) ? Number(text) : undefined)

const podAddress = async (ctx: AnyConnectContext, target: ProxyName): Promise<HostPort> => {
  const pod = await getPod(ctx, ctx.info.namespace, target.name)
  const firstPort = pod.spec?.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort
  const host = podIps(pod)[0] ?? ''
  checkIp(host)
  const port = target.port === '' ? (firstPort ?? (target.scheme === 'https' ? 443 : 80)) : portNumber(target.port)
  if (port === undefined) throw badRequest(`invalid port ${JSON.stringify(target.port)}`)
  return { host, port }
}

const podIps = ({ status: { podIP, podIPs } = {} }: Pod): readonly string[] =>
  podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP])

type Subset = NonNullable<Endpoints['subsets']>[number]
type Address = NonNullable<Subset['addresses']>[number]

/** All items, from a random one on. */
const fromRandom = <T>(items: readonly T[]): T[] => {
  const start = items.length === 0 ? 0 : randomInt(items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}

/** True if a Pod of the namespace has the address: who may write Endpoints must not reach anything else through us. */
const isOfPod = async (ctx: AnyConnectContext, { ip, targetRef }: Address): Promise<boolean> => {
  if (targetRef?.name === undefined || targetRef.namespace !== ctx.info.namespace) return false
  try {
    return podIps(await getPod(ctx, ctx.info.namespace, targetRef.name)).includes(ip)
  } catch (error) {
    if (isReason(error, 'NotFound')) return false
    throw error
  }
}

/** A ready address that serves the port, at random. */
const chooseEndpoint = async (
  ctx: AnyConnectContext,
  subsets: readonly Subset[],
  portName: string,
): Promise<HostPort | undefined> => {
  for (const { addresses = [], ports = [] } of fromRandom(subsets)) {
    const port = ports.find(({ name }) => (name ?? '') === portName)?.port
    if (port === undefined) continue
    for (const address of fromRandom(addresses)) {
      if (await isOfPod(ctx, address)) return { host: address.ip, port }
    }
  }
  return undefined
}

const serviceAddress = async (ctx: AnyConnectContext, target: ProxyName): Promise<HostPort> => {
  const { namespace, name: id } = ctx.info
  const number = /^[+-]?\d+$/.test(target.port) ? Number(target.port) : undefined
  let portName = target.port
  if (number !== undefined) {
    const service = await getService(ctx, namespace, target.name)
    const match = service.spec?.ports?.find(({ port }) => port === number)
    if (match === undefined) {
      throw unavailable(`no service port ${number} found for service ${JSON.stringify(target.name)}`)
    }
    portName = match.name ?? ''
  }
  const { subsets = [] } = await getEndpoints(ctx, namespace, target.name)
  const chosen = await chooseEndpoint(ctx, subsets, portName)
  if (chosen === undefined) {
    const known = subsets.length === 0 ? target.name : id
    throw unavailable(`no endpoints available for service ${JSON.stringify(known)}`)
  }
  checkIp(chosen.host)
  return chosen
}

/** Finds the addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string }[]>

const resolve: Resolve = (host) => lookup(host, { all: true })

/**
 * The address to dial for a host name, which may stand for one that is not to be reached. The name is not asked for
 * again: the next answer may be another one (CVE-2020-8562).
 */
export const checkedAddress = async (host: string, addressesOf: Resolve = resolve): Promise<string> => {
  const addresses = await addressesOf(host).catch(() => {
    throw badRequest(`lookup ${host}: no such host`)
  })
  for (const { address } of addresses) checkIp(address)
  const [first] = addresses
  if (first === undefined) throw badRequest(`lookup ${host}: no such host`)
  return first.address
}

const nodeBackend = async (ctx: AnyConnectContext, target: ProxyName, path: string): Promise<Backend> => {
  const kubelet = kubeletAddress(await getNode(ctx, target.name), ctx.kubelet.preferredAddressTypes)
  const port = target.port === '' ? kubelet.port : portNumber(target.port)
  if (port === undefined) throw badRequest(`invalid node request ${JSON.stringify(ctx.info.name)}`)
  if (port === kubelet.port) return kubeletBackend(ctx.kubelet, kubelet, path)
  const host = await checkedAddress(kubelet.host)
  return plainBackend(target.scheme === 'https' ? 'https' : 'http', { host, port }, path)
}

/** Resolves the request's name; throws StatusError. `path` is path and query for the backend. */
export const proxyBackend = async (ctx: AnyConnectContext, path: string): Promise<Backend> => {
  const { resource, name } = ctx.info
  switch (resource) {
    case 'pods': {
      const target = parsed('pod', name)
      return plainBackend(target.scheme === 'https' ? 'https' : 'http', await podAddress(ctx, target), path)
    }
    case 'services': {
      const target = parsed('service', name)
      return plainBackend(target.scheme === 'https' ? 'https' : 'http', await serviceAddress(ctx, target), path)
    }
    default:
      return nodeBackend(ctx, parsed('node', name), path)
  }
}
