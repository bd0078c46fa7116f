/**
 * Distributed claims: a token may say at which place its groups are, which answers with a token that has them.
 * Upstream: claimResolver in plugin/pkg/authenticator/token/oidc. OpenID Connect Core 1.0, section 5.6.2
 */
import type { Claims } from './claims.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { parseToken } from './json-web-token.ts'
import { createAgent, createProvider, fetchDocument, type Provider } from './provider.ts'
import { createTokenVerifier, issuerOf, type TokenVerifier, type VerifierDependencies } from './token-verifier.ts'

export interface ClaimSources {
  /** The claims, with the groups among them if they could be asked for; rejects where the place fails. */
  expand(claims: Claims): Promise<Claims>
  close(): void
}

interface Source {
  readonly endpoint: string
  readonly accessToken: string
}

interface Signer {
  readonly provider: Provider
  readonly verify: TokenVerifier
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (record: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(record, name) ? record[name] : undefined

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** undefined where the claim is there already, or nothing says where it is. */
const sourceOf = (claims: Claims, claim: string): Source | undefined => {
  const names = own(claims, '_claim_names')
  if (Object.hasOwn(claims, claim) || names === undefined) return undefined
  if (!isRecord(names)) throw new Error('oidc: error parsing distributed claim names: they are no object')
  const sources = own(claims, '_claim_sources')
  if (sources === undefined) throw new Error('oidc: no claim sources')
  if (!isRecord(sources)) throw new Error('oidc: could not parse claim sources: they are no object')
  const name = own(names, claim)
  if (name === undefined) return undefined
  const source = typeof name === 'string' ? own(sources, name) : undefined
  if (!isRecord(source)) {
    throw new Error(`id token _claim_names contained a source ${String(name)} missing in _claims_sources`)
  }
  const { endpoint, access_token: accessToken } = source
  // A claim that the source itself holds is passed over, as upstream does.
  if (typeof endpoint !== 'string' || endpoint === '') return undefined
  return { endpoint, accessToken: typeof accessToken === 'string' ? accessToken : '' }
}

/** Only groups by name of a claim are asked for. */
export const createClaimSources = (
  { issuer: { certificateAuthority }, groups }: JwtAuthenticatorConfig,
  verification: VerifierDependencies,
): ClaimSources => {
  if (groups?.type !== 'claim') return { expand: async (claims) => claims, close: () => {} }
  const { claim } = groups
  const agent = createAgent(certificateAuthority)
  const signers = new Map<string, Signer>()

  /** An issuer that did not answer is asked again by the next token. */
  const signerOf = async (url: string): Promise<Signer> => {
    const known = signers.get(url)
    if (known !== undefined) return known
    const provider = createProvider({ url, discoveryURL: '', certificateAuthority, audiences: [] })
    try {
      await provider.discover()
    } catch (cause) {
      provider.close()
      throw new Error(
        `verifying untrusted issuer ${url} failed: verifier not initialized for issuer: ${JSON.stringify(url)}`,
        { cause },
      )
    }
    const signer = { provider, verify: createTokenVerifier(provider, verification) }
    signers.set(url, signer)
    return signer
  }

  const resolve = async ({ endpoint, accessToken }: Source): Promise<unknown> => {
    const headers: Record<string, string> = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` }
    let text: string
    try {
      text = await fetchDocument(endpoint, agent, headers)
    } catch (cause) {
      throw new Error(`while getting distributed claim ${JSON.stringify(claim)}: ${messageOf(cause)}`, { cause })
    }
    const token = parseToken(text)
    if (token === undefined) {
      throw new Error(
        `getting untrusted issuer from endpoint ${endpoint} failed for claim ${JSON.stringify(claim)}: malformed token`,
      )
    }
    const { verify } = await signerOf(issuerOf(token))
    try {
      await verify(token)
    } catch (cause) {
      throw new Error(`verify distributed claim token: ${messageOf(cause)}`, { cause })
    }
    const value = own(token.claims, claim)
    if (value !== undefined) return value
    throw new Error(
      `jwt returned by distributed claim endpoint ${JSON.stringify(endpoint)} did not contain claim: ${claim}`,
    )
  }
  return {
    expand: async (claims) => {
      const source = sourceOf(claims, claim)
      return source === undefined ? claims : { ...claims, [claim]: await resolve(source) }
    },
    close: () => {
      agent.destroy()
      for (const { provider } of signers.values()) provider.close()
    },
  }
}
