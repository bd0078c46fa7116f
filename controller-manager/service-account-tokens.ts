/**
 * Tokens of the controllers' own service accounts in kube-system, so that RBAC gives each of them only what it needs.
 * Upstream: clientbuilder.DynamicControllerClientBuilder.
 */
import { isReason } from '../api/meta/status-error.ts'
import { serviceAccounts } from '../api/resources.ts'
import type { TokenRequest } from '../api/types.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { type Clock, sleep } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { messageOf } from './errors.ts'
import { timeMs } from './objects.ts'

const namespace = 'kube-system'
const lifetimeSeconds = 3600
const retryMs = 1000
/** Waiting for longer than this is told. */
const patienceMs = 10_000

export interface ServiceAccountTokens {
  /** Makes the accounts and gets their first tokens, however long that takes: no controller runs as another one. */
  readonly prepare: (names: readonly string[]) => Promise<void>
  /** The current token of a prepared account. */
  readonly tokenOf: (name: string) => string | undefined
}

interface Options {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

export const createServiceAccountTokens = (
  client: RestClient,
  { clock, log, signal }: Options,
): ServiceAccountTokens => {
  const tokens = new Map<string, string>()

  const ensureAccount = async (name: string): Promise<void> => {
    try {
      await client.create(serviceAccounts, { metadata: { name, namespace } })
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
    }
  }

  /** Asks for a token; gives the time of its expiry. */
  const renew = async (name: string): Promise<number> => {
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { namespace },
      spec: { audiences: [], expirationSeconds: lifetimeSeconds },
    }
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
    const answer = (await client.raw('POST', path, request, { signal })) as TokenRequest
    if (answer.status?.token === undefined) throw new Error(`the API server gave no token for ${namespace}/${name}`)
    tokens.set(name, answer.status.token)
    return timeMs(answer.status.expirationTimestamp) ?? clock.now() + lifetimeSeconds * 1000
  }

  /** Tries until there is a token; gives the expiry of the token. */
  const renewed = async (name: string): Promise<number> => {
    const startedAt = clock.now()
    for (;;) {
      try {
        return await renew(name)
      } catch (err) {
        if (signal.aborted) throw err
        const level = clock.now() - startedAt > patienceMs ? 'warn' : 'debug'
        log[level]({ reason: messageOf(err), serviceAccount: name }, 'no token yet')
        await sleep(retryMs, signal)
        // Somebody may have deleted the account.
        await ensureAccount(name).catch(() => undefined)
      }
    }
  }

  const keepFresh = async (name: string, expiresMs: number): Promise<void> => {
    for (let expiry = expiresMs; ; expiry = await renewed(name)) {
      await sleep(Math.max(retryMs, (expiry - clock.now()) * 0.8), signal)
    }
  }

  return {
    prepare: async (names) => {
      await Promise.all(
        [...new Set(names)].map(async (name) => {
          await ensureAccount(name).catch(() => undefined)
          const expiry = await renewed(name)
          keepFresh(name, expiry).catch((err: unknown) => {
            if (!signal.aborted) log.error({ err, serviceAccount: name }, 'token is not renewed any more')
          })
        }),
      )
    },
    tokenOf: (name) => tokens.get(name),
  }
}
