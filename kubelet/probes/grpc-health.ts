/** The gRPC health protocol (grpc.health.v1.Health/Check), small enough to speak it on node:http2. */
import { connect, constants } from 'node:http2'
import type { ProbeResult } from './probe.ts'

export interface GrpcHealthRequest {
  readonly host: string
  readonly port: number
  readonly service: string
  readonly timeoutMs: number
}

/** HealthCheckRequest { string service = 1 }, in a gRPC frame. */
const requestFrame = (service: string): Buffer => {
  const name = Buffer.from(service)
  const length: number[] = []
  for (let rest = name.length; ; rest >>>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) break
  }
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name])
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** HealthCheckResponse { ServingStatus status = 1 }. */
const servingStatus = (frame: Buffer): string => {
  const message = frame.subarray(5)
  return statusNames[message[0] === 0x08 ? (message[1] ?? 0) : 0] ?? 'UNKNOWN'
}

export const grpcHealth = ({ host, port, service, timeoutMs }: GrpcHealthRequest): Promise<ProbeResult> =>
  new Promise((resolve) => {
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`)
    const done = (result: ProbeResult): void => {
      clearTimeout(timer)
      session.destroy()
      resolve(result)
    }
    const timer = setTimeout(
      () =>
        done({
          type: 'failure',
          output: `timeout: failed to connect service "${host}:${port}" within ${timeoutMs / 1000}s: context deadline exceeded`,
        }),
      timeoutMs,
    )
    session.on('error', (error) =>
      done({ type: 'failure', output: `error: health rpc probe failed: ${error.message}` }),
    )
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'kube-probe/1.36',
    })
    const chunks: Buffer[] = []
    let code = 'unknown'
    const readCode = (headers: Record<string, unknown>): void => {
      if (typeof headers['grpc-status'] === 'string') code = headers['grpc-status']
    }
    stream.on('response', readCode)
    stream.on('trailers', readCode)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', (error) => done({ type: 'failure', output: `error: health rpc probe failed: ${error.message}` }))
    stream.on('end', () => {
      // OK, and its message says SERVING.
      if (code !== '0')
        return done({ type: 'failure', output: `error: health rpc probe failed: rpc error: code = ${code}` })
      const status = servingStatus(Buffer.concat(chunks))
      done(
        status === 'SERVING'
          ? { type: 'success' }
          : { type: 'failure', output: `service unhealthy (responded with "${status}")` },
      )
    })
    stream.end(requestFrame(service))
  })
