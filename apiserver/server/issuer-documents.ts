/** Documents by which others verify service account tokens: OpenID configuration and keys. */
import type { Config } from '../config.ts'
import { jsonWebKeySet, type VerificationKey } from '../authentication/service-account/keys.ts'

export interface TextDocument {
  readonly contentType: string
  readonly body: string
}

/** Empty where the issuer is no URL: then nobody could find them. */
export const issuerDocuments = (
  { serviceAccount, advertiseAddress, securePort }: Config,
  keys: readonly VerificationKey[],
): ReadonlyMap<string, TextDocument> => {
  const [issuer = ''] = serviceAccount.issuers
  if (!issuer.startsWith('https://')) return new Map()
  const jwksUri =
    serviceAccount.jwksUri === '' ? `https://${advertiseAddress}:${securePort}/openid/v1/jwks` : serviceAccount.jwksUri
  const configuration = {
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].toSorted(),
  }
  return new Map([
    ['/.well-known/openid-configuration', { contentType: 'application/json', body: JSON.stringify(configuration) }],
    ['/openid/v1/jwks', { contentType: 'application/jwk-set+json', body: jsonWebKeySet(keys) }],
  ])
}
