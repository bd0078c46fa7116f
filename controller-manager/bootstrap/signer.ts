/**
 * Signs ConfigMap kube-public/cluster-info with every bootstrap token, so that a joining node can tell that what an
 * anonymous read gave it is true. Upstream: pkg/controller/bootstrap/bootstrapsigner.go
 */
import { isReason } from '../../api/meta/status-error.ts'
import { configMaps } from '../../api/resources.ts'
import type { Controller } from '../context.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { detachedSignature, expiryMs, signingToken, tokenSecrets } from './token.ts'

const namespace = 'kube-public'
const name = 'cluster-info'
const key = `${namespace}/${name}`
const signaturePrefix = 'jws-kubeconfig-'

export const bootstrapSignerController: Controller = {
  name: 'bootstrap-signer-controller',
  serviceAccount: 'bootstrap-signer',
  offByDefault: true,
  setup: (context) => {
    const { client, informers, clock, log } = context
    const queue = queueOf(context)
    const tokens = tokenSecrets(context)
    const maps = informers.for(configMaps, { namespace, fieldSelector: `metadata.name=${name}` })
    const sign = (): void => queue.add(key)
    onAnyChange(tokens, sign)
    onAnyChange(maps, sign)

    const reconcile = async (): Promise<{ requeueAfterMs: number } | undefined> => {
      const map = maps.lister.get(key)
      if (map === undefined) return undefined
      const content = map.data?.['kubeconfig']
      if (content === undefined) {
        log.error({ configMap: key }, 'no kubeconfig key in the ConfigMap')
        return undefined
      }
      const now = clock.now()
      const secrets = tokens.lister.list()
      const others = Object.entries(map.data ?? {}).filter(([field]) => !field.startsWith(signaturePrefix))
      const signatures = secrets.flatMap((secret) => {
        const token = signingToken(secret, now)
        return token === undefined
          ? []
          : [[`${signaturePrefix}${token.id}`, detachedSignature(content, token)] as const]
      })
      const data = Object.fromEntries([...others, ...signatures])
      if (!semanticEqual(map.data, data, 'data')) {
        await client.update(configMaps, { ...map, data }).catch((error: unknown) => {
          // A newer version comes by the cache, and with it another turn.
          if (!isReason(error, 'NotFound', 'Conflict')) throw error
        })
      }
      const ends = secrets.flatMap((secret) => expiryMs(secret) ?? []).filter((end) => end > now)
      return ends.length === 0 ? undefined : { requeueAfterMs: Math.min(...ends) - now }
    }
    return workersOf(context, { name: 'bootstrap-signer-controller', queue, concurrency: 1, reconcile })
  },
}
