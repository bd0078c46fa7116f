/** Calls of a KMS v2 plugin on its socket. Upstream: envelope/kmsv2/grpc_service.go */
import { randomUUID } from 'node:crypto'
import { realClock, sleep } from '../../../component-base/clock.ts'
import { GrpcChannel } from '../../../component-base/grpc/client.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import type { KmsProvider } from '../config.ts'
import { type EncryptResponse, keyManagement, type StatusResponse } from './messages.ts'

type Annotations = ReadonlyMap<string, Buffer>

export interface KmsService {
  status(): Promise<StatusResponse>
  encrypt(plaintext: Buffer): Promise<EncryptResponse>
  decrypt(ciphertext: Buffer, keyId: string, annotations: Annotations): Promise<Buffer>
  close(): void
}

const reconnectMs = 100

export const createKmsService = ({ endpoint, timeoutMs }: KmsProvider): KmsService => {
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
  return {
    status: () => whenReady((remainingMs) => channel.unary(keyManagement.status, {}, { timeoutMs: remainingMs })),
    encrypt: (plaintext) => {
      const request = { plaintext, uid: randomUUID() }
      return whenReady((remainingMs) => channel.unary(keyManagement.encrypt, request, { timeoutMs: remainingMs }))
    },
    decrypt: async (ciphertext, keyId, annotations) => {
      const request = { ciphertext, keyId, annotations: new Map(annotations), uid: randomUUID() }
      const answer = await whenReady((remainingMs) =>
        channel.unary(keyManagement.decrypt, request, { timeoutMs: remainingMs }),
      )
      return answer.plaintext
    },
    close: () => channel.close(),
  }
}
