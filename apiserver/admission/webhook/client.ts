/** Calls of admission webhooks. */
import type { CallReview } from '../../webhook/review-caller.ts'
import type { CredentialsFor } from './credentials.ts'
import type { Hook } from './hooks.ts'

/** POSTs a review and gives the body of the answer. Rejects with Go's words: `failed to call webhook: Post …`. */
export type CallWebhook = (hook: Hook, body: string) => Promise<string>

export const createWebhookCaller =
  (call: CallReview, credentialsFor: CredentialsFor): CallWebhook =>
  async ({ spec: { clientConfig }, timeout }, body) => {
    try {
      return await call({ clientConfig, timeoutSeconds: timeout, body, credentialsFor })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`failed to call webhook: ${why}`, { cause: error })
    }
  }
