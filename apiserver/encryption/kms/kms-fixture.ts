/** A KMS v2 plugin for tests: real gRPC on a socket, and keys that one can change. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen } from '../../../component-base/grpc/listener.ts'
import { createGrpcServer, implementUnary } from '../../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import { keyManagement } from './messages.ts'

export interface KmsPlugin extends AsyncDisposable {
  readonly endpoint: string
  /** What it says of itself, and the key that it encrypts with. */
  keyId: string
  healthz: string
  version: string
  /** Refuses to decrypt. */
  broken: boolean
  readonly calls: { status: number; encrypt: number; decrypt: number }
}

const scramble = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0x5a))

export const startKmsPlugin = async (): Promise<KmsPlugin> => {
  const directory = mkdtempSync(join(tmpdir(), 'kubets-kms-'))
  const path = join(directory, 'kms.sock')
  const calls = { status: 0, encrypt: 0, decrypt: 0 }
  const http2 = createGrpcServer({
    maxMessageBytes: 1 << 20,
    onInternalError: () => undefined,
    implementations: [
      implementUnary(keyManagement.status, () => {
        calls.status++
        return { version: plugin.version, healthz: plugin.healthz, keyId: plugin.keyId }
      }),
      implementUnary(keyManagement.encrypt, ({ plaintext }) => {
        calls.encrypt++
        const annotations = { 'kms.example.com': Buffer.from('local') }
        return { ciphertext: scramble(plaintext), keyId: plugin.keyId, annotations }
      }),
      implementUnary(keyManagement.decrypt, ({ ciphertext, annotations }) => {
        calls.decrypt++
        if (plugin.broken) throw new GrpcError(grpcCode.internal, 'the key is gone')
        if (annotations.get('kms.example.com')?.toString() !== 'local')
          throw new GrpcError(grpcCode.internal, 'bad annotations')
        return { plaintext: scramble(ciphertext) }
      }),
    ],
  })
  const listener = await listen({ path, http2, http1: (_request, response) => response.end() })
  const plugin: KmsPlugin = {
    endpoint: `unix://${path}`,
    keyId: 'key-1',
    healthz: 'ok',
    version: 'v2',
    broken: false,
    calls,
    [Symbol.asyncDispose]: async () => {
      await listener.close(0)
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return plugin
}
