/** Cluster DNS on one address: UDP and TCP, EDNS sizes, truncation. */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6, type Socket } from 'node:net'
import { decode, encode, type Packet } from 'dns-packet'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { answerFromZone, rcodeNumber, type Reply, toPacket } from './answer.ts'
import type { Forward } from './forwarder.ts'
import { rcodeOf, truncate } from './message.ts'
import type { Zone } from './zone.ts'

export interface DnsServerOptions {
  readonly address: string
  readonly port: number
  readonly zone: Zone
  readonly forward: Forward
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

/** Answers larger than this are cut on UDP unless the client offered more. */
const plainUdpSize = 512
/** What we accept and send at most on UDP: what fits a packet without fragments. */
const maxUdpSize = 1232
const maxTcpConnections = 200
const tcpIdleMs = 10_000
const truncatedFlag = 0x0200

type Transport = 'udp' | 'tcp'

/** The client's EDNS record, if it speaks EDNS. */
const optOf = (query: Packet): { readonly udpPayloadSize: number; readonly ednsVersion: number } | undefined =>
  query.additionals?.find(({ type }) => type === 'OPT') as { udpPayloadSize: number; ednsVersion: number } | undefined

/** BADVERS is 16, of which the record has the upper bits. */
const withEdns = (query: Packet, response: Packet): Packet => {
  const opt = optOf(query)
  if (opt === undefined) return response
  const own = {
    type: 'OPT' as const,
    name: '.',
    udpPayloadSize: maxUdpSize,
    extendedRcode: opt.ednsVersion > 0 ? 1 : 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
  return { ...response, additionals: [...(response.additionals ?? []), own] }
}

const limitOf = (query: Packet, transport: Transport): number =>
  transport === 'tcp'
    ? 65_535
    : Math.min(maxUdpSize, Math.max(plainUdpSize, optOf(query)?.udpPayloadSize ?? plainUdpSize))

const encodeFor = (query: Packet, response: Packet, transport: Transport): Buffer => {
  const limit = limitOf(query, transport)
  const whole = encode(withEdns(query, response))
  if (whole.length <= limit) return whole
  const slim = encode(withEdns(query, { ...response, additionals: [] }))
  if (slim.length <= limit) return slim
  // The client asks again over TCP.
  const flags = (response.flags ?? 0) | truncatedFlag
  return encode(withEdns(query, { ...response, flags, answers: [], authorities: [], additionals: [] }))
}

const failure = (rcode: Reply['rcode']): Reply => ({ rcode, answers: [], authorities: [], additionals: [] })

/** What is wrong with a query before anybody looks for its name. */
const refusal = (query: Packet, bytes: Buffer): Reply | undefined => {
  const opcode = (bytes.readUInt8(2) >> 3) & 15
  if (opcode !== 0) return failure('NOTIMP')
  if (query.questions?.length !== 1) return failure('FORMERR')
  // BADVERS: the rest of the code is in the EDNS record.
  if ((optOf(query)?.ednsVersion ?? 0) > 0) return failure('NOERROR')
  const [question] = query.questions
  return question?.class === 'IN' || question?.class === ('ANY' as string) ? undefined : failure('REFUSED')
}

/** Types without a name count as one: clients choose among 65,536. */
const typeLabel = (type: string | undefined): string =>
  type === undefined || type.startsWith('UNKNOWN_') ? 'other' : type

/** The response to a query's bytes, or undefined if they are no query that can be answered at all. */
const respond = async (bytes: Buffer, transport: Transport, options: DnsServerOptions): Promise<Buffer | undefined> => {
  const startedAt = performance.now()
  let query: Packet
  try {
    query = decode(bytes)
  } catch {
    return undefined
  }
  if (query.type !== 'query') return undefined
  const { metrics } = options
  const [question] = query.questions ?? []
  metrics.dnsRequests.labels(transport, typeLabel(question?.type)).inc()
  const finish = (reply: Reply, authoritative: boolean): Buffer => {
    metrics.dnsResponses.labels(reply.rcode).inc()
    metrics.dnsSeconds.observe((performance.now() - startedAt) / 1000)
    return encodeFor(query, toPacket(query, reply, authoritative), transport)
  }
  const refused = refusal(query, bytes)
  if (refused !== undefined || question === undefined) return finish(refused ?? failure('FORMERR'), false)
  const own = answerFromZone(options.zone, question, Math.random)
  if (own !== undefined) return finish(await followAliases(own, question.type, options), true)
  try {
    const name = question.name.toLowerCase().replace(/\.$/, '')
    const response = await options.forward(bytes, name, transport)
    metrics.dnsResponses.labels(rcodeName(rcodeOf(response))).inc()
    metrics.dnsSeconds.observe((performance.now() - startedAt) / 1000)
    return response.length <= limitOf(query, transport) ? response : truncate(response)
  } catch (error) {
    options.log.debug({ err: error, name: question.name }, 'question not answered')
    return finish(failure('SERVFAIL'), false)
  }
}

const rcodeName = (rcode: number): string =>
  Object.entries(rcodeNumber).find(([, number]) => number === rcode)?.[0] ?? String(rcode)

/** Aliases of aliases are followed so far: a ring of them ends here. */
const maxAliases = 8

/** Adds what an ExternalName's target has, be that another Service or a name that only the node's resolvers know. */
const followAliases = async (reply: Reply, type: string, options: DnsServerOptions): Promise<Reply> => {
  const answers = [...reply.answers]
  const seen = new Set<string>()
  for (let last = answers.at(-1); last?.type === 'CNAME' && type !== 'CNAME'; last = answers.at(-1)) {
    const target = last.data
    if (seen.has(target) || seen.size >= maxAliases) break
    seen.add(target)
    const question = { name: target, type: type as 'A', class: 'IN' as const }
    const local = answerFromZone(options.zone, question, Math.random)
    if (local !== undefined) {
      answers.push(...local.answers)
      continue
    }
    try {
      const query = encode({ type: 'query', id: randomInt(65_536), flags: 0x0100, questions: [question] })
      answers.push(...(decode(await options.forward(query, target.toLowerCase(), 'udp')).answers ?? []))
    } catch {
      // The CNAME alone is a valid answer: the client may know more.
    }
    break
  }
  return { ...reply, answers }
}

const serveUdp = async (options: DnsServerOptions, signal: AbortSignal): Promise<void> => {
  const socket = createSocket({ type: isIPv6(options.address) ? 'udp6' : 'udp4', reuseAddr: true })
  socket.on('message', (message, from) => {
    respond(message, 'udp', options).then(
      (response) => {
        if (response !== undefined && !signal.aborted) socket.send(response, from.port, from.address, () => undefined)
      },
      (error: unknown) => options.log.warn({ err: error }, 'DNS query failed'),
    )
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: options.address, port: options.port }, () => {
      socket.off('error', reject)
      socket.on('error', (error) => options.log.warn({ err: error }, 'DNS socket failed'))
      resolve()
    })
  })
  signal.addEventListener('abort', () => socket.close(), { once: true })
}

const serveConnection = (socket: Socket, options: DnsServerOptions): void => {
  let received = Buffer.alloc(0)
  let working = false
  socket.setTimeout(tcpIdleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  const work = async (): Promise<void> => {
    if (working) return
    working = true
    // Who asks on without reading the answers waits: nothing is gathered for him.
    socket.pause()
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const length = received.readUInt16BE(0)
      const query = received.subarray(2, 2 + length)
      received = received.subarray(2 + length)
      const response = await respond(Buffer.from(query), 'tcp', options)
      if (response === undefined) return void socket.destroy()
      const prefix = Buffer.alloc(2)
      prefix.writeUInt16BE(response.length)
      if (!socket.write(Buffer.concat([prefix, response]))) await once(socket, 'drain')
    }
    working = false
    socket.resume()
  }
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    work().catch(() => socket.destroy())
  })
}

const serveTcp = async (options: DnsServerOptions, signal: AbortSignal): Promise<void> => {
  const server = createServer((socket) => serveConnection(socket, options))
  server.maxConnections = maxTcpConnections
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => resolve())
  })
  signal.addEventListener('abort', () => server.close(), { once: true })
}

/** Serves until the signal is aborted; rejects if the address cannot be had. */
export const serveDns = async (options: DnsServerOptions, signal: AbortSignal): Promise<void> => {
  await Promise.all([serveUdp(options, signal), serveTcp(options, signal)])
}
