/** Cluster DNS on one address: UDP and TCP, EDNS sizes, truncation. */
import { createSocket } from 'node:dgram'
import { createServer, isIPv6, type Socket } from 'node:net'
import { decode, encode, type Packet } from 'dns-packet'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { answerFromZone, type Reply, toPacket } from './answer.ts'
import type { Zone } from './zone.ts'

export interface DnsServerOptions {
  readonly address: string
  readonly port: number
  readonly zone: Zone
  readonly forward: (query: Buffer, transport: 'udp' | 'tcp') => Promise<Buffer>
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

const ednsSize = (query: Packet): number | undefined => {
  const opt = query.additionals?.find(({ type }) => type === 'OPT') as { udpPayloadSize?: number } | undefined
  return opt?.udpPayloadSize
}

const withEdns = (query: Packet, response: Packet): Packet =>
  ednsSize(query) === undefined
    ? response
    : {
        ...response,
        additionals: [
          ...(response.additionals ?? []),
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: maxUdpSize,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ],
      }

const encodeFor = (query: Packet, response: Packet, transport: Transport): Buffer => {
  const whole = encode(withEdns(query, response))
  const limit =
    transport === 'tcp' ? 65_535 : Math.min(maxUdpSize, Math.max(plainUdpSize, ednsSize(query) ?? plainUdpSize))
  if (whole.length <= limit) return whole
  const slim = encode(withEdns(query, { ...response, additionals: [] }))
  if (slim.length <= limit) return slim
  // The client asks again over TCP.
  return encode(
    withEdns(query, {
      ...response,
      flags: (response.flags ?? 0) | truncatedFlag,
      answers: [],
      authorities: [],
      additionals: [],
    }),
  )
}

const failure = (rcode: Reply['rcode']): Reply => ({ rcode, answers: [], authorities: [], additionals: [] })

/** The response to a query's bytes, or undefined if they are no query that can be answered at all. */
const respond = async (bytes: Buffer, transport: Transport, options: DnsServerOptions): Promise<Buffer | undefined> => {
  let query: Packet
  try {
    query = decode(bytes)
  } catch {
    return undefined
  }
  const [question] = query.questions ?? []
  if (query.type !== 'query' || question === undefined) return undefined
  options.metrics.dnsRequests.labels(transport, question.type).inc()
  const finish = (reply: Reply, authoritative: boolean): Buffer => {
    options.metrics.dnsResponses.labels(reply.rcode).inc()
    return encodeFor(query, toPacket(query, reply, authoritative), transport)
  }
  const own = answerFromZone(options.zone, question, Math.random)
  if (own !== undefined) {
    const [first] = own.answers
    // An ExternalName's target is not ours: the resolver of the node knows it.
    if (first?.type === 'CNAME' && question.type !== 'CNAME')
      return finish(await followCname(own, question.type, options), true)
    return finish(own, true)
  }
  try {
    return await options.forward(bytes, transport)
  } catch (error) {
    options.log.debug({ err: error, name: question.name }, 'question not answered')
    return finish(failure('SERVFAIL'), false)
  }
}

const followCname = async (reply: Reply, type: string, options: DnsServerOptions): Promise<Reply> => {
  const [cname] = reply.answers
  if (cname?.type !== 'CNAME') return reply
  const target = cname.data
  const local = answerFromZone(options.zone, { name: target, type: type as 'A', class: 'IN' }, Math.random)
  if (local !== undefined) return { ...reply, answers: [...reply.answers, ...local.answers] }
  try {
    const query = encode({
      type: 'query',
      id: 1,
      flags: 0x0100,
      questions: [{ name: target, type: type as 'A', class: 'IN' }],
    })
    const { answers } = decode(await options.forward(query, 'udp'))
    return { ...reply, answers: [...reply.answers, ...(answers ?? [])] }
  } catch {
    return reply // the CNAME alone is a valid answer: the client may know more
  }
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
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const length = received.readUInt16BE(0)
      const query = received.subarray(2, 2 + length)
      received = received.subarray(2 + length)
      const response = await respond(Buffer.from(query), 'tcp', options)
      if (response === undefined) return void socket.destroy()
      const prefix = Buffer.alloc(2)
      prefix.writeUInt16BE(response.length)
      socket.write(Buffer.concat([prefix, response]))
    }
    working = false
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
