/** How certificates and requests are signed: AlgorithmIdentifiers and what stands behind them. */
import { type KeyObject, sign, verify } from 'node:crypto'
import { bitString, derNull, elementsOf, expectElement, malformed, oid, sequence, tags } from './der.ts'

const ed25519 = '2b6570'
const ecdsaWithSha256 = '2a8648ce3d040302'
const sha256WithRsa = '2a864886f70d01010b'

/** Digests by the OID of the algorithm; Ed25519 has none of its own. SHA-1 and older are not accepted. */
const digests: Readonly<Record<string, string | null>> = {
  [ecdsaWithSha256]: 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  [sha256WithRsa]: 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  [ed25519]: null,
}

/** The AlgorithmIdentifier of signatures by that key. Throws for a type of key that Kubernetes does not use. */
export const signatureAlgorithm = ({ asymmetricKeyType: type }: KeyObject): Buffer => {
  if (type === 'ec') return sequence(oid(ecdsaWithSha256))
  if (type === 'rsa') return sequence(oid(sha256WithRsa), derNull)
  if (type === 'ed25519') return sequence(oid(ed25519))
  throw new Error(`a key of type ${type} cannot sign a certificate`)
}

/** `content` (a whole element), the algorithm and the signature: what certificates and requests are. */
export const signed = (content: Buffer, algorithm: Buffer, key: KeyObject): Buffer =>
  sequence(content, algorithm, bitString(sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', content, key)))

/** Whether the key's owner signed the element. */
export const isSignedBy = (whole: Buffer, key: KeyObject): boolean => {
  const [content, algorithm, signature] = elementsOf(expectElement(whole, tags.sequence).content)
  if (content === undefined || algorithm === undefined || signature === undefined) throw malformed()
  const digest = digests[expectElement(algorithm.content, tags.oid).content.toString('hex')]
  if (digest === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented')
  return verify(digest, content.whole, key, signature.content.subarray(1))
}
