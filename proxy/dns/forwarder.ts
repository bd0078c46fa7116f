/** Questions that are not about the cluster go to the node's own resolvers, byte for byte but for the id. */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

const timeoutMs = 2_000
const maxInFlight = 1_000

/** No resolver answered in time, or there is none. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError'
}

/** IPv4 name servers of a resolv.conf, without `exclude` (our own address, which would ask us again). */
export const nameservers = (path: string, exclude: ReadonlySet<string>): string[] => {
  try {
    return [...readFileSync(path, 'utf8').matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)/gm)]
      .map((match) => match[1] ?? '')
      .filter((address) => !exclude.has(address))
  } catch {
    return []
  }
}

const askUdp = (server: string, query: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => finish(new ForwardError(`${server} did not answer`)), timeoutMs)
    const finish = (result: Buffer | Error): void => {
      clearTimeout(timer)
      socket.close()
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    socket.once('error', finish)
    socket.on('message', (message, from) => {
      // Anything but the answer to this question from that server is noise or an attack.
      if (from.address === server && message.length >= 12 && message.readUInt16BE(0) === query.readUInt16BE(0))
        finish(message)
    })
    socket.send(query, 53, server, (error) => {
      if (error) finish(error)
    })
  })

const askTcp = (server: string, query: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: server, port: 53, timeout: timeoutMs })
    let received = Buffer.alloc(0)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.on('timeout', () => fail(new ForwardError(`${server} did not answer`)))
    socket.on('error', fail)
    socket.on('close', () => reject(new ForwardError(`${server} closed the connection`)))
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

/** Asks the resolvers in turn until one answers. Throws ForwardError. */
export const createForwarder = (servers: readonly string[]) => {
  let inFlight = 0
  return async (query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> => {
    if (inFlight >= maxInFlight) throw new ForwardError('too many questions are waiting for an answer')
    inFlight++
    try {
      for (const server of servers) {
        try {
          return await (transport === 'udp' ? askUdp(server, query) : askTcp(server, query))
        } catch {
          // the next one may answer
        }
      }
      throw new ForwardError(servers.length === 0 ? 'no upstream resolver' : 'no upstream resolver answered')
    } finally {
      inFlight--
    }
  }
}
