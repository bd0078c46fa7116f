/**
 * The uid in a client certificate's subject: an attribute of Kubernetes' own (1.3.6.1.4.1.57683.2), which Node does not
 * show. Only as much of DER is read as leads there. Upstream: parseUIDFromCert, AllowParsingUserUIDFromCertAuth
 */

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** Elements one after another; throws RangeError where they are cut off. */
const elementsOf = (bytes: Buffer): Element[] => {
  const elements: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at)
    const first = bytes.readUInt8(at + 1)
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    if (start + length > bytes.length) throw new RangeError('DER element is cut off')
    elements.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return elements
}

const versionTag = 0xa0
const objectIdentifierTag = 0x06
const uidIdentifier = Buffer.from('2b0601040183c25302', 'hex')

/** Serial number, signature algorithm, issuer and validity stand before the subject. */
const subjectIndex = 4

const subjectOf = (certificate: Buffer): Buffer => {
  const [whole] = elementsOf(certificate)
  const [signed] = elementsOf(whole?.content ?? Buffer.alloc(0))
  const fields = elementsOf(signed?.content ?? Buffer.alloc(0)).filter(({ tag }) => tag !== versionTag)
  return fields[subjectIndex]?.content ?? Buffer.alloc(0)
}

/** '' if it has none. Throws where there are several, or an empty one: such a certificate names nobody. */
export const uidOfCertificate = (certificate: Buffer): string => {
  if (!certificate.includes(uidIdentifier)) return ''
  const uids: string[] = []
  for (const set of elementsOf(subjectOf(certificate))) {
    for (const attribute of elementsOf(set.content)) {
      const [type, value] = elementsOf(attribute.content)
      if (type?.tag !== objectIdentifierTag || !type.content.equals(uidIdentifier)) continue
      uids.push(value?.content.toString('utf8') ?? '')
    }
  }
  if (uids.length > 1) throw new Error(`expected 1 UID, but found multiple: [${uids.join(' ')}]`)
  if (uids[0] === '') throw new Error('UID cannot be an empty string')
  return uids[0] ?? ''
}
