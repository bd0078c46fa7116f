/** Follows the Secrets that somebody names, and no others: each by a watch of its own. */
import { secrets as secretsRef } from '../../api/resources.ts'
import type { Secret } from '../../api/types.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'

export interface SecretWatch {
  /** Follows these, by `namespace/name`, and forgets all others; resolves when they are known. */
  readonly follow: (keys: ReadonlySet<string>) => Promise<void>
  readonly get: (key: string) => Secret | undefined
}

export const createSecretWatch = (
  client: RestClient,
  changed: () => void,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): SecretWatch => {
  const followed = new Map<string, { readonly informer: Informer<Secret>; readonly stop: AbortController }>()
  const start = (key: string): void => {
    const [namespace = '', name = ''] = key.split('/')
    const stop = new AbortController()
    const informer = createInformer(client, secretsRef, { namespace, fieldSelector: `metadata.name=${name}`, log })
    informer.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed })
    informer.start(AbortSignal.any([signal, stop.signal])).catch((err: unknown) => {
      if (!signal.aborted && !stop.signal.aborted) log.error({ err, secret: key }, 'a Secret is no longer followed')
    })
    followed.set(key, { informer, stop })
  }
  return {
    follow: async (keys) => {
      for (const [key, { stop }] of followed) {
        if (keys.has(key)) continue
        stop.abort()
        followed.delete(key)
      }
      for (const key of keys) if (!followed.has(key)) start(key)
      await Promise.all([...followed.values()].map(({ informer }) => informer.whenSynced(signal)))
    },
    get: (key) => followed.get(key)?.informer.lister.get(key),
  }
}
