/** Deletes bootstrap tokens when they end. Upstream: pkg/controller/bootstrap/tokencleaner.go */
import { isReason } from '../../api/meta/status-error.ts'
import { secrets } from '../../api/resources.ts'
import type { Controller } from '../context.ts'
import { nameOf, namespaceOf, uidOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'
import { expiryMs, tokenSecrets } from './token.ts'

export const tokenCleanerController: Controller = {
  name: 'token-cleaner-controller',
  serviceAccount: 'token-cleaner',
  offByDefault: true,
  setup: (context) => {
    const { client, clock } = context
    const queue = queueOf(context)
    const tokens = tokenSecrets(context)
    tokens.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, secret) => enqueueSelf(queue)(secret) })

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const secret = tokens.lister.get(key)
      const end = secret === undefined ? undefined : expiryMs(secret)
      if (secret === undefined || end === undefined) return undefined
      if (end > clock.now()) return { requeueAfterMs: end - clock.now() }
      const preconditions = { uid: uidOf(secret) }
      await client.delete(secrets, nameOf(secret), namespaceOf(secret), { preconditions }).catch((error: unknown) => {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error
      })
      return undefined
    }
    return workersOf(context, { name: 'token-cleaner-controller', queue, concurrency: 1, reconcile })
  },
}
