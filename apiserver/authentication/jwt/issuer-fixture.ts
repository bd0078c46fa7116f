/** An OpenID issuer for tests: HTTPS on loopback, keys that one can change, tokens of any content. */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'

export interface TestIssuer extends AsyncDisposable {
  readonly url: string
  /** PEM. */
  readonly ca: string
  /** What the discovery document says. */
  statedIssuer: string
  /** Requests by path. */
  readonly seen: string[]
  /** What is answered at other paths, to who has the bearer token. */
  readonly served: Map<string, { readonly bearer: string; readonly body: string }>
  /** Signs with the newest key of the algorithm's kind. */
  token(claims: object, algorithm?: string): string
  /** Makes new keys; the old ones are published no more. */
  rotate(): void
}

interface Keys {
  readonly id: string
  readonly rsa: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly ec: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
}

const makeKeys = (id: string): Keys => ({
  id,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
})

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const signWith = ({ rsa, ec }: Keys, algorithm: string, data: Buffer): Buffer => {
  const digest = `sha${algorithm.slice(2)}`
  if (algorithm.startsWith('ES')) return sign(digest, data, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
  if (algorithm.startsWith('PS')) {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return sign(digest, data, { key: rsa.privateKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  }
  return algorithm === 'none' ? Buffer.alloc(0) : sign(digest, data, rsa.privateKey)
}

export const startIssuer = async (): Promise<TestIssuer> => {
  const ca = await createCa('issuer-ca')
  const serving = await issueCertificate(ca, { commonName: 'issuer', ips: ['127.0.0.1'], usages: ['server'], days: 1 })
  let generation = 1
  let keys = makeKeys(`key-${generation}`)
  const seen: string[] = []
  const served: TestIssuer['served'] = new Map()
  const server = createServer({ cert: serving.certPem, key: serving.keyPem }, (request, response) => {
    const path = request.url ?? ''
    seen.push(path)
    const other = served.get(path)
    if (other !== undefined) {
      const allowed = (request.headers.authorization ?? '') === (other.bearer === '' ? '' : `Bearer ${other.bearer}`)
      response.writeHead(allowed ? 200 : 403).end(allowed ? other.body : '')
      return
    }
    const { id, rsa, ec } = keys
    const documents: Readonly<Record<string, object>> = {
      '/.well-known/openid-configuration': { issuer: issuer.statedIssuer, jwks_uri: `${issuer.url}/keys` },
      '/elsewhere': { issuer: issuer.statedIssuer, jwks_uri: `${issuer.url}/keys` },
      '/keys': {
        keys: [
          { ...rsa.publicKey.export({ format: 'jwk' }), kid: `${id}-rsa`, use: 'sig' },
          { ...ec.publicKey.export({ format: 'jwk' }), kid: `${id}-ec`, use: 'sig' },
        ],
      },
    }
    const document = documents[path]
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer: TestIssuer = {
    url,
    ca: ca.certPem,
    statedIssuer: url,
    seen,
    served,
    token: (claims, algorithm = 'RS256') => {
      const kid = `${keys.id}-${algorithm.startsWith('ES') ? 'ec' : 'rsa'}`
      const signed = `${encode({ alg: algorithm, kid })}.${encode({ iss: issuer.statedIssuer, ...claims })}`
      return `${signed}.${signWith(keys, algorithm, Buffer.from(signed)).toString('base64url')}`
    },
    rotate: () => {
      generation++
      keys = makeKeys(`key-${generation}`)
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}
