/** Asking the cluster for a certificate, and waiting for it. Upstream: client-go/util/certificate/csr */
import { X509Certificate } from 'node:crypto'
import { isReason } from '../../api/meta/status-error.ts'
import { certificateSigningRequests } from '../../api/resources.ts'
import type { CertificateSigningRequest } from '../../api/types.ts'
import { createInformer } from '../cache/informer.ts'
import type { RestClient } from '../rest/rest-client.ts'

export interface SigningRequest {
  /** PKCS #10, PEM. */
  readonly requestPem: string
  readonly signerName: string
  readonly usages: readonly string[]
  /** One that stands for what is asked: a second request under it is the first. Default: a generated one. */
  readonly name?: string
}

/** The request was refused for good: the same one will not be granted. */
export class CertificateRefusedError extends Error {
  override readonly name = 'CertificateRefusedError'
}

/** Creates the CertificateSigningRequest, or finds the one that an earlier life of this process made under its name. */
export const requestCertificate = async (
  client: RestClient,
  { requestPem, signerName, usages, name }: SigningRequest,
): Promise<CertificateSigningRequest> => {
  const spec = { request: Buffer.from(requestPem).toString('base64'), signerName, usages: [...usages] }
  try {
    const metadata = name === undefined ? { generateName: 'csr-' } : { name }
    return await client.create(certificateSigningRequests, { metadata, spec })
  } catch (error) {
    if (name === undefined || !isReason(error, 'AlreadyExists')) throw error
  }
  const present = await client.get(certificateSigningRequests, name)
  if (present.spec?.signerName !== signerName) {
    throw new CertificateRefusedError(`certificate signing request ${name} exists for ${present.spec?.signerName}`)
  }
  return present
}

/** The certificate as PEM; undefined while it is awaited. Throws CertificateRefusedError. */
const outcomeOf = ({ status, metadata }: CertificateSigningRequest): string | undefined => {
  for (const { type, reason, message } of status?.conditions ?? []) {
    if (type !== 'Denied' && type !== 'Failed') continue
    const what = type === 'Denied' ? 'is denied' : 'failed'
    throw new CertificateRefusedError(
      `certificate signing request ${metadata?.name} ${what}, reason: ${reason ?? ''}, message: ${message ?? ''}`,
    )
  }
  if (status?.certificate === undefined || status.certificate === '') return undefined
  const pem = Buffer.from(status.certificate, 'base64').toString()
  if (new X509Certificate(pem).validToDate.getTime() < Date.now()) {
    throw new CertificateRefusedError(`the certificate of request ${metadata?.name} has expired`)
  }
  return pem
}

/** Follows the request until it is decided; rejects with the signal's reason, or if it was deleted or refused. */
export const waitForCertificate = async (
  client: RestClient,
  request: CertificateSigningRequest,
  signal: AbortSignal,
): Promise<string> => {
  const { name = '', uid } = request.metadata ?? {}
  const decided = Promise.withResolvers<string>()
  const gone = (): void =>
    decided.reject(new CertificateRefusedError(`certificate signing request ${name} was deleted`))
  const look = (seen: CertificateSigningRequest): void => {
    if (seen.metadata?.uid !== uid) return gone()
    try {
      const certificate = outcomeOf(seen)
      if (certificate !== undefined) decided.resolve(certificate)
    } catch (error) {
      decided.reject(error)
    }
  }
  look(request)
  const following = new AbortController()
  const onAbort = (): void => decided.reject(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  const informer = createInformer(client, certificateSigningRequests, { fieldSelector: `metadata.name=${name}` })
  informer.addHandler({ onAdd: look, onUpdate: (_old, seen) => look(seen), onDelete: gone })
  void informer.start(following.signal)
  informer.whenSynced(following.signal).then(
    () => (informer.lister.get(name) === undefined ? gone() : undefined),
    () => undefined,
  )
  try {
    return await decided.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    following.abort()
  }
}
