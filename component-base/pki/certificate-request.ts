/** PKCS #10 certification requests: made by who wants a certificate, read by who decides. RFC 2986. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import {
  element,
  elementsOf,
  expectElement,
  malformed,
  octets,
  oid,
  readElement,
  sequence,
  tags,
  toPem,
} from './der.ts'
import {
  type AlternativeNames,
  decodeAlternativeNames,
  type DecodedNames,
  decodeSubject,
  encodeAlternativeNames,
  encodeSubject,
  subjectAltNameOid,
  type Subject,
} from './names.ts'
import { isSignedBy, signatureAlgorithm, signed } from './signature.ts'

/** What a request asks for. */
export type RequestedSubject = Required<Subject> & AlternativeNames

export interface CertificationRequest extends Required<Subject>, DecodedNames {
  readonly publicKey: KeyObject
  /** The subject as it was written, with what else it has. */
  readonly subjectDer: Buffer
  /** GeneralNames; undefined for none. */
  readonly alternativeNamesDer: Buffer | undefined
}

const attributesTag = 0xa0
const extensionRequestOid = '2a864886f70d01090e'

/** A request signed with the (EC, RSA or Ed25519) key, as a PEM block. Throws if the key or an address cannot be read. */
export const createCertificateRequest = (keyPem: string, subject: RequestedSubject): string => {
  const key = createPrivateKey(keyPem)
  const hasNames = (subject.dnsNames ?? []).length + (subject.ips ?? []).length > 0
  const names = sequence(oid(subjectAltNameOid), octets(encodeAlternativeNames(subject)))
  const extensions = sequence(oid(extensionRequestOid), element(tags.set, sequence(names)))
  const info = sequence(
    element(tags.integer, Buffer.from([0])),
    encodeSubject(subject),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    hasNames ? element(attributesTag, extensions) : element(attributesTag),
  )
  return toPem('CERTIFICATE REQUEST', signed(info, signatureAlgorithm(key), key))
}

interface RequestInfo {
  readonly whole: Buffer
  readonly subject: { readonly content: Buffer; readonly whole: Buffer }
  readonly publicKeyDer: Buffer
  readonly attributes: Buffer
}

const readInfo = (pem: string): RequestInfo => {
  const block = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)
  if (block === null) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const request = expectElement(Buffer.from(block[1] ?? '', 'base64'), tags.sequence)
  const info = expectElement(request.content, tags.sequence)
  const version = expectElement(info.content, tags.integer)
  const subject = expectElement(version.rest, tags.sequence)
  const key = expectElement(subject.rest, tags.sequence)
  const attributes = key.rest.length === 0 ? Buffer.alloc(0) : readElement(key.rest).content
  return { whole: request.whole, subject, publicKeyDer: key.whole, attributes }
}

/** The subject alone. Throws Error where there is no request or it cannot be read; signatures are not looked at. */
export const requestSubject = (pem: string): Required<Subject> => decodeSubject(readInfo(pem).subject.content)

/** The GeneralNames that the request's attributes ask for. */
const alternativeNamesOf = (attributes: Buffer): Buffer | undefined => {
  for (const attribute of elementsOf(attributes)) {
    const type = expectElement(attribute.content, tags.oid)
    if (type.content.toString('hex') !== extensionRequestOid) continue
    const extensions = expectElement(expectElement(type.rest, tags.set).content, tags.sequence)
    for (const extension of elementsOf(extensions.content)) {
      const parts = elementsOf(extension.content)
      if (parts[0]?.content.toString('hex') !== subjectAltNameOid) continue
      const value = parts.at(-1)
      if (value?.tag !== tags.octets) throw malformed()
      return value.content
    }
  }
  return undefined
}

/** All that a request asks for. Throws if it is no valid request or its signature is wrong. */
export const readCertificateRequest = (pem: string): CertificationRequest => {
  const { whole, subject, publicKeyDer, attributes } = readInfo(pem)
  const publicKey = createPublicKey({ key: publicKeyDer, type: 'spki', format: 'der' })
  if (!isSignedBy(whole, publicKey)) throw new Error('the signature of the certificate request is wrong')
  const alternativeNamesDer = alternativeNamesOf(attributes)
  const names =
    alternativeNamesDer === undefined
      ? { dnsNames: [], ips: [], emails: [], uris: [] }
      : decodeAlternativeNames(alternativeNamesDer)
  return { ...decodeSubject(subject.content), ...names, publicKey, subjectDer: subject.whole, alternativeNamesDer }
}

/** A new key on P-256, as upstream's kubelet makes it. */
export const generateEcKey = async (): Promise<string> => {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'sec1', format: 'pem' }) as string
}
