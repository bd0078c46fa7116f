/** What pods/proxy, services/proxy and nodes/proxy reach. Upstream: the ResourceLocation functions. */
import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { badRequest, StatusError } from '../../api/meta/status-error.ts'
import { type Backend, kubeletBackend, plainBackend } from './backend.ts'
import { type AnyConnectContext, endpointSlicesOf, getNode, getPod, getService } from './context.ts'
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
  const host = pod.status?.podIP ?? ''
  checkIp(host)
  const port = target.port === '' ? (firstPort ?? (target.scheme === 'https' ? 443 : 80)) : portNumber(target.port)
  if (port === undefined) throw badRequest(`invalid port ${JSON.stringify(target.port)}`)
  return { host, port }
}

const serviceAddress = async (ctx: AnyConnectContext, target: ProxyName): Promise<HostPort> => {
  const service = await getService(ctx, ctx.info.namespace, target.name)
  const quoted = JSON.stringify(target.name)
  let portName = target.port
  const number = portNumber(target.port)
  if (number !== undefined) {
    const match = service.spec?.ports?.find(({ port }) => port === number)
    if (match === undefined) throw unavailable(`no service port ${number} found for service ${quoted}`)
    portName = match.name ?? ''
  }
  const candidates: HostPort[] = []
  for (const slice of await endpointSlicesOf(ctx, ctx.info.namespace, target.name)) {
    const port = slice.ports?.find(({ name }) => (name ?? '') === portName)?.port
    if (port === undefined) continue
    for (const endpoint of slice.endpoints ?? []) {
      const host = endpoint.addresses[0]
      if (endpoint.conditions?.ready !== false && host !== undefined) candidates.push({ host, port })
    }
  }
  const chosen = candidates.length === 0 ? undefined : candidates[randomInt(candidates.length)]
  if (chosen === undefined) throw unavailable(`no endpoints available for service ${quoted}`)
  checkIp(chosen.host)
  return chosen
}

const nodeBackend = async (ctx: AnyConnectContext, target: ProxyName, path: string): Promise<Backend> => {
  const kubelet = kubeletAddress(await getNode(ctx, target.name), ctx.kubelet.preferredAddressTypes)
  const port = target.port === '' ? kubelet.port : portNumber(target.port)
  if (port === undefined) throw badRequest(`invalid node request ${JSON.stringify(ctx.info.name)}`)
  if (port === kubelet.port) return kubeletBackend(ctx.kubelet, kubelet, path)
  for (const { address } of await lookup(kubelet.host, { all: true })) checkIp(address)
  return plainBackend(target.scheme === 'https' ? 'https' : 'http', { host: kubelet.host, port }, path)
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
