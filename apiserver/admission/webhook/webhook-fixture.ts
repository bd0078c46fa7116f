/** For tests: webhooks on this machine, over TLS with a CA of their own, that answer what a test says. */
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { json } from 'node:stream/consumers'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'

const https = process.getBuiltinModule('node:https')

export interface SentReview {
  readonly kind: string
  readonly apiVersion: string
  readonly request: Readonly<Record<string, unknown>> & {
    readonly uid: string
    readonly operation: string
    readonly object: {
      readonly spec?: object
      readonly metadata?: { readonly labels?: object }
      readonly apiVersion?: string
    } | null
    readonly oldObject: object | null
  }
}

/** What goes into AdmissionReview.response, or a raw answer, or a socket that is left hanging. */
export type Reply = (
  review: SentReview,
  url: URL,
) => Record<string, unknown> | { readonly code: number; readonly raw: string; readonly location?: string } | 'hang'

export interface WebhookServer extends AsyncDisposable {
  readonly port: number
  /** Base64 of the CA, for clientConfig. */
  readonly caBundle: string
  readonly clientConfig: (path: string) => { readonly url: string; readonly caBundle: string }
  /** All reviews that came, the last last. */
  readonly reviews: SentReview[]
  /** Who sent each of them. */
  readonly callers: Caller[]
  /** By path; the others answer 404. */
  readonly replies: Map<string, Reply>
}

export interface Caller {
  readonly authorization: string | undefined
  /** Of the client certificate; it is not looked at who issued it. */
  readonly commonName: string | string[] | undefined
}

/** The answer with a JSON Patch. */
export const patchReply = (...operations: readonly object[]): Record<string, unknown> => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})

export const startWebhookServer = async (names: readonly string[] = []): Promise<WebhookServer> => {
  const ca = await createCa('webhook-ca')
  const { certPem, keyPem } = await issueCertificate(ca, {
    commonName: 'webhook',
    usages: ['server'],
    dnsNames: ['localhost', ...names],
    ips: ['127.0.0.1'],
    days: 1,
  })
  const reviews: SentReview[] = []
  const callers: Caller[] = []
  const replies = new Map<string, Reply>()
  const tls = { cert: certPem, key: keyPem, requestCert: true, rejectUnauthorized: false }
  const server = https.createServer(tls, (request, response) => {
    const subject: { readonly CN?: string | string[] } | undefined = (request.socket as TLSSocket).getPeerCertificate()
      .subject
    callers.push({ authorization: request.headers.authorization, commonName: subject?.CN })
    void json(request).then((body) => {
      const url = new URL(request.url ?? '/', 'https://localhost')
      const review = body as SentReview
      reviews.push(review)
      const reply = replies.get(url.pathname)?.(review, url) ?? { code: 404, raw: 'not found' }
      if (reply === 'hang') return
      const { kind, apiVersion, request: asked } = review
      const answer =
        'raw' in reply
          ? String(reply['raw'])
          : JSON.stringify({ kind, apiVersion, response: { uid: asked.uid, ...reply } })
      response.writeHead('code' in reply && 'raw' in reply ? Number(reply['code']) : 200, {
        'content-type': 'application/json',
        ...('location' in reply ? { location: String(reply['location']) } : {}),
      })
      response.end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const caBundle = Buffer.from(ca.certPem).toString('base64')
  return {
    port,
    caBundle,
    clientConfig: (path) => ({ url: `https://127.0.0.1:${port}${path}`, caBundle }),
    reviews,
    callers,
    replies,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
