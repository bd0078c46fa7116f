/** Checks of what a KMS plugin gives and of what is stored. Upstream: ValidateEncryptedObject in envelope/kmsv2 */
import { createHash } from 'node:crypto'
import { isDns1123Subdomain } from '../../../api/meta/names.ts'
import { EncryptedObject, sourceType } from './messages.ts'

const maxAnnotationBytes = 32 * 1024
const maxKeyIdBytes = 1024
const maxSourceBytes = 1024

/** How logs and errors name a key: never by its id. */
export const keyIdHash = (keyId: string): string =>
  keyId === '' ? '' : `sha256:${createHash('sha256').update(keyId).digest('hex')}`

export const keyIdProblem = (keyId: string): string | undefined => {
  const size = Buffer.byteLength(keyId)
  if (size === 0) return 'keyID is empty'
  return size > maxKeyIdBytes ? `keyID is ${size} bytes, which exceeds the max size of ${maxKeyIdBytes}` : undefined
}

const sourceProblem = ({ length }: Buffer): string | undefined => {
  if (length === 0) return 'encrypted DEK source is empty'
  if (length <= maxSourceBytes) return undefined
  return `encrypted DEK source is ${length} bytes, which exceeds the max size of ${maxSourceBytes}`
}

type Annotations = EncryptedObject['annotations']

const nameProblems = (name: string): string[] => {
  const plain = name.endsWith('.') ? name.slice(0, -1) : name
  const problems = isDns1123Subdomain(plain)
  if (problems.length === 0 && !plain.includes('.')) {
    problems.push('should be a domain with at least two segments separated by dots')
  }
  return problems.map((problem) => `annotations: Invalid value: ${JSON.stringify(name)}: ${problem}`)
}

const annotationsProblem = (annotations: Annotations): string | undefined => {
  const problems = [...annotations.keys()].flatMap(nameProblems)
  let size = 0
  for (const [name, value] of annotations) size += Buffer.byteLength(name) + value.length
  if (size > maxAnnotationBytes) {
    problems.push(`total size of annotations is ${size}, which exceeds the max size of ${maxAnnotationBytes}`)
  }
  if (problems.length === 0) return undefined
  return problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`
}

/** Throws in upstream's words. */
export const validateEncryptedObject = (object: EncryptedObject): void => {
  const { encryptedDEKSourceType: type } = object
  if (type !== sourceType.aesGcmKey && type !== sourceType.hkdfSeed) {
    throw new Error(`unknown encryptedDEKSourceType: ${type}`)
  }
  if (object.encryptedData.length === 0) throw new Error('encrypted data is empty')
  const checks: readonly (readonly [what: string, problem: string | undefined])[] = [
    ['encrypted DEK source', sourceProblem(object.encryptedDEKSource)],
    ['key id', keyIdProblem(object.keyID)],
    ['annotations', annotationsProblem(object.annotations)],
  ]
  for (const [what, problem] of checks) {
    if (problem !== undefined) throw new Error(`failed to validate ${what}: ${problem}`)
  }
}

/** The same for objects whose data are encrypted with the same key. */
export const keyOf = (object: EncryptedObject): string => {
  const { encryptedDEKSourceType, encryptedDEKSource, keyID, annotations } = object
  const named = [...annotations].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([
    encryptedDEKSourceType,
    encryptedDEKSource.toString('base64'),
    keyID,
    named.map(([name, value]) => [name, value.toString('base64')]),
  ])
}
