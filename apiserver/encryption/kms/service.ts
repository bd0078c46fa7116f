/** Calls of a KMS v2 plugin on its socket. Upstream: envelope/kmsv2/grpc_service.go */
import { randomUUID } from 'node:crypto'
import { realClock, sleep } from '../../../component-base/clock.ts'
import { GrpcChannel } from '../../../component-base/grpc/client.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import type { KmsProvider } from '../config.ts'
import type { KmsMetrics } from './metrics.ts'
import { type EncryptResponse, keyManagement, type StatusResponse } from './messages.ts'

type Annotations = ReadonlyMap<string, Buffer>

export interface KmsService {
  status(): Promise<StatusResponse>
  encrypt(plaintext: Buffer): Promise<EncryptResponse>
  decrypt(ciphertext: Buffer, keyId: string, annotations: Annotations): Promise<Buffer>
  close(): void
}

const reconnectMs = 100

/** gRPC's statuses by their numbers, as Go names them. */
const codeNames: readonly string[] = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]
const codeOf = (error: unknown): string =>
  error instanceof GrpcError ? (codeNames[error.code] ?? 'Unknown') : 'Unknown'

export const createKmsService = (
  { endpoint, timeoutMs }: Pick<KmsProvider, 'endpoint' | 'timeoutMs'>,
  metrics: Pick<KmsMetrics, 'called'>,
): KmsService => {
  const channel = new GrpcChannel({ endpoints: [endpoint] })
  /** Waits for a plugin that is not there yet, as long as the call may take at all. */
  const whenReady = async <T>(call: (remainingMs: number) => Promise<T>): Promise<T> => {
    const deadline = realClock.now() + timeoutMs
    for (;;) {
      try {
        return await call(Math.max(deadline - realClock.now(), 1))
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== grpcCode.unavailable) throw error
        if (realClock.now() + reconnectMs >= deadline) throw error
        await sleep(reconnectMs)
      }
    }
  }
  const timed = async <T>({ path }: { readonly path: string }, call: (remainingMs: number) => Promise<T>) => {
    const start = performance.now()
    const tell = (code: string): void => metrics.called(path, code, (performance.now() - start) / 1000)
    try {
      const answer = await whenReady(call)
      tell('OK')
      return answer
    } catch (error) {
      tell(codeOf(error))
      throw error
    }
  }
  return {
    status: () =>
      timed(keyManagement.status, (remainingMs) => channel.unary(keyManagement.status, {}, { timeoutMs: remainingMs })),
    encrypt: (plaintext) => {
      const request = { plaintext, uid: randomUUID() }
      return timed(keyManagement.encrypt, (remainingMs) =>
        channel.unary(keyManagement.encrypt, request, { timeoutMs: remainingMs }),
      )
    },
    decrypt: async (ciphertext, keyId, annotations) => {
      const request = { ciphertext, keyId, annotations: new Map(annotations), uid: randomUUID() }
      const answer = await timed(keyManagement.decrypt, (remainingMs) =>
        channel.unary(keyManagement.decrypt, request, { timeoutMs: remainingMs }),
      )
      return answer.plaintext
    },
    close: () => channel.close(),
  }
}
