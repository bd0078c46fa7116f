/** The wire of a KMS v2 plugin, and what is stored of its keys beside the data: facts of v1.36. */
import { mapOf, message, type OutputOf } from '../../../component-base/protobuf/message.ts'
import { unary } from '../../../component-base/grpc/method.ts'

const StatusRequest = message('v2.StatusRequest', {})
const StatusResponse = message('v2.StatusResponse', {
  version: [1, 'string'],
  healthz: [2, 'string'],
  keyId: [3, 'string'],
})
export type StatusResponse = OutputOf<typeof StatusResponse>

const EncryptRequest = message('v2.EncryptRequest', { plaintext: [1, 'bytes'], uid: [2, 'string'] })
const EncryptResponse = message('v2.EncryptResponse', {
  ciphertext: [1, 'bytes'],
  keyId: [2, 'string'],
  annotations: [3, mapOf('string', 'bytes')],
})
export type EncryptResponse = OutputOf<typeof EncryptResponse>

const DecryptRequest = message('v2.DecryptRequest', {
  ciphertext: [1, 'bytes'],
  uid: [2, 'string'],
  keyId: [3, 'string'],
  annotations: [4, mapOf('string', 'bytes')],
})
const DecryptResponse = message('v2.DecryptResponse', { plaintext: [1, 'bytes'] })

export const keyManagement = {
  status: unary('/v2.KeyManagementService/Status', StatusRequest, StatusResponse),
  encrypt: unary('/v2.KeyManagementService/Encrypt', EncryptRequest, EncryptResponse),
  decrypt: unary('/v2.KeyManagementService/Decrypt', DecryptRequest, DecryptResponse),
} as const

/** What the plaintext of the data encryption key's source is: the key itself, or a seed of keys. */
export const sourceType = { aesGcmKey: 0, hkdfSeed: 1 } as const

export const EncryptedObject = message('v2.EncryptedObject', {
  encryptedData: [1, 'bytes'],
  keyID: [2, 'string'],
  encryptedDEKSource: [3, 'bytes'],
  annotations: [4, mapOf('string', 'bytes')],
  encryptedDEKSourceType: [5, 'int32'],
})
export type EncryptedObject = OutputOf<typeof EncryptedObject>
