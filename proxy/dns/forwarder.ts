/** Questions that are not about the cluster go to other resolvers, byte for byte: the node's, or those of a stub domain. */
import { createSocket } from 'node:dgram'
import { readFileSync, statSync } from 'node:fs'
import { connect, isIP, isIPv6 } from 'node:net'
import { cacheKey, DnsCache } from './cache.ts'
import { readdress } from './message.ts'

const timeoutMs = 2_000
const maxInFlight = 1_000

/** No resolver answered in time, or there is none. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError'
}

export interface Resolver {
  readonly host: string
  readonly port: number
}

/** `10.0.0.53`, `10.0.0.53:5353`, `fd00::53`, `[fd00::53]:5353`; undefined if it is none. */
export const parseResolver = (text: string): Resolver | undefined => {
  if (isIP(text) !== 0) return { host: text, port: 53 }
  const [, v6, v4, port = ''] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d+)$/.exec(text) ?? []
  const host = v6 ?? v4 ?? ''
  return isIP(host) === 0 || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

/** Name servers of a resolv.conf, without `exclude` (our own addresses, which would ask us again). */
export const nameservers = (path: string, exclude: ReadonlySet<string>): Resolver[] => {
  try {
    return [...readFileSync(path, 'utf8').matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, address = '']) => {
      const resolver = parseResolver(address)
      return resolver === undefined || exclude.has(resolver.host) ? [] : [resolver]
    })
  } catch {
    return []
  }
}

/** The same, read again when the file has changed. */
export const followNameservers = (path: string, exclude: ReadonlySet<string>): (() => readonly Resolver[]) => {
  let version = Number.NaN
  let servers: readonly Resolver[] = []
  return () => {
    const now = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (now !== version) servers = nameservers(path, exclude)
    version = now
    return servers
  }
}

const askUdp = ({ host, port }: Resolver, query: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const timer = setTimeout(() => finish(new ForwardError(`${host} did not answer`)), timeoutMs)
    const finish = (result: Buffer | Error): void => {
      clearTimeout(timer)
      socket.close()
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    socket.once('error', finish)
    socket.on('message', (message, from) => {
      // Anything but the answer to this question from that server is noise or an attack.
      if (from.port === port && message.length >= 12 && message.readUInt16BE(0) === query.readUInt16BE(0))
        finish(message)
    })
    // Connected: the kernel lets nothing in from elsewhere, and tells of a port that nobody listens at.
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) finish(error)
      else socket.send(query)
    })
  })

const askTcp = ({ host, port }: Resolver, query: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeoutMs })
    let received = Buffer.alloc(0)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.on('timeout', () => fail(new ForwardError(`${host} did not answer`)))
    socket.on('error', fail)
    socket.on('close', () => reject(new ForwardError(`${host} closed the connection`)))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)))
      socket.destroy()
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
  })

export interface ForwarderOptions {
  readonly servers: () => readonly Resolver[]
  /** Resolvers by domain, lower case without dots at the ends: `corp.example`. */
  readonly stubs: ReadonlyMap<string, readonly Resolver[]>
  readonly now: () => number
  /** Told of every question: whether the cache knew. */
  readonly looked: (result: 'success' | 'denial' | 'miss') => void
}

export type Forward = (query: Buffer, name: string, transport: 'udp' | 'tcp') => Promise<Buffer>

/** The resolvers of the longest stub domain that a name is in. Pure. */
export const stubOf = (
  name: string,
  stubs: ReadonlyMap<string, readonly Resolver[]>,
): readonly Resolver[] | undefined => {
  let domain = name
  while (domain !== '') {
    const servers = stubs.get(domain)
    if (servers !== undefined) return servers
    const dot = domain.indexOf('.')
    domain = dot < 0 ? '' : domain.slice(dot + 1)
  }
  return undefined
}

/** Asks the resolvers in turn until one answers, the one that answered last first. Throws ForwardError. */
export const createForwarder = ({ servers, stubs, now, looked }: ForwarderOptions): Forward => {
  const cache = new DnsCache(now)
  /** Questions that are asked already: who asks the same waits for the same answer. */
  const pending = new Map<string, Promise<Buffer>>()
  /** The last good one of each list. */
  const preferred = new Map<string, string>()

  const ask = async (query: Buffer, name: string, transport: 'udp' | 'tcp'): Promise<Buffer> => {
    const list = stubOf(name, stubs) ?? servers()
    const listKey = list.map(({ host }) => host).join()
    const last = preferred.get(listKey)
    const ordered = [...list].sort((a, b) => Number(b.host === last) - Number(a.host === last))
    for (const server of ordered) {
      try {
        const response = await (transport === 'udp' ? askUdp(server, query) : askTcp(server, query))
        preferred.set(listKey, server.host)
        return response
      } catch {
        // the next one may answer
      }
    }
    throw new ForwardError(list.length === 0 ? 'no upstream resolver' : 'no upstream resolver answered')
  }

  return async (query, name, transport) => {
    const key = cacheKey(query)
    const hit = cache.get(key, query)
    looked(hit?.type ?? 'miss')
    if (hit !== undefined) return hit.response
    const flight = `${transport} ${key}`
    const same = pending.get(flight)
    if (same !== undefined) {
      return readdress(await same, query, { ttlOffsets: [], ageSeconds: 0 })
    }
    if (pending.size >= maxInFlight) throw new ForwardError('too many questions are waiting for an answer')
    const asked = ask(query, name, transport)
    pending.set(flight, asked)
    try {
      const response = await asked
      cache.set(key, response)
      return response
    } finally {
      pending.delete(flight)
    }
  }
}
