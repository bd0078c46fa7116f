/**
 * Once a day, marks and then deletes generated tokens of service accounts that nobody has used for a long time.
 * Upstream: pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go.
 */
import { refersTo } from '../../api/core/pod/references.ts'
import { legacyTokenTracking } from '../../api/core/legacy-token-tracking.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { configMaps, secrets, serviceAccounts } from '../../api/resources.ts'
import type { Secret } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer } from '../indexes.ts'
import { annotationsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { dateOf, invalidSinceLabel, planToken, trackedSinceMs } from './plan.ts'

const name = 'legacy-serviceaccount-token-cleaner-controller'
const syncIntervalMs = 24 * 3_600_000
const retryMs = 60_000
const tokenType = 'kubernetes.io/service-account-token'
const everything = 'all tokens'

export const legacyServiceAccountTokenCleaner: Controller = {
  name,
  serviceAccount: 'legacy-service-account-token-cleaner',
  setup: (context) => {
    const { client, informers, clock, config, log } = context
    const queue = queueOf(context)
    const accounts = informers.for(serviceAccounts)
    const podCache = podInformer(informers)
    // Read by the manager: the account of this controller may only change and delete them.
    const tokens = informers.for(secrets, { fieldSelector: `type=${tokenType}` })
    const cleanUpPeriodMs = config['legacy-service-account-token-clean-up-period']

    /** Whether its own account, and not another of that name, lists the Secret. */
    const isGenerated = (secret: Secret): boolean => {
      const annotations = annotationsOf(secret)
      const account = accounts.lister.get(
        `${namespaceOf(secret)}/${annotations['kubernetes.io/service-account.name'] ?? ''}`,
      )
      const uid = annotations['kubernetes.io/service-account.uid'] ?? ''
      if (account === undefined || (uid !== '' && uid !== uidOf(account))) return false
      return (account.secrets ?? []).some((reference) => reference.name === nameOf(secret))
    }
    const isMounted = (secret: Secret): boolean =>
      podCache.lister.byNamespace(namespaceOf(secret)).some((pod) => refersTo(pod, 'secrets', nameOf(secret)))

    const invalidate = async (secret: Secret): Promise<void> => {
      const body = { metadata: { uid: uidOf(secret), labels: { [invalidSinceLabel]: dateOf(clock.now()) } } }
      await client.patch(secrets, nameOf(secret), namespaceOf(secret), body, { type: 'merge' })
    }
    const remove = async (secret: Secret): Promise<void> => {
      const preconditions = { resourceVersion: secret.metadata?.resourceVersion ?? '' }
      await client.delete(secrets, nameOf(secret), namespaceOf(secret), { preconditions })
    }

    const clean = async (): Promise<void> => {
      const tracking = await client.get(configMaps, legacyTokenTracking.name, legacyTokenTracking.namespace)
      const since = trackedSinceMs(tracking.data?.[legacyTokenTracking.key])
      if (since === undefined) throw new Error('the day since which tokens are tracked is not known')
      // Not long enough to know of any token that it is not used.
      if (clock.now() < since + cleanUpPeriodMs) return
      for (const secret of tokens.lister.list()) {
        const facts = {
          isGenerated: isGenerated(secret),
          isMounted: isMounted(secret),
          nowMs: clock.now(),
          cleanUpPeriodMs,
        }
        const plan = planToken(secret, facts)
        if (plan === 'keep') continue
        try {
          await (plan === 'delete' ? remove(secret) : invalidate(secret))
        } catch (err) {
          if (isReason(err, 'Conflict', 'NotFound')) continue
          log.error({ err, secret: `${namespaceOf(secret)}/${nameOf(secret)}` }, `cannot ${plan} an unused token`)
        }
      }
    }

    const reconcile = async (): Promise<{ requeueAfterMs: number }> => {
      try {
        await clean()
        return { requeueAfterMs: syncIntervalMs }
      } catch (err) {
        log.warn({ err }, 'cannot look for unused tokens')
        return { requeueAfterMs: retryMs }
      }
    }
    const run = workersOf(context, { name, queue, concurrency: 1, reconcile })
    return () => {
      queue.add(everything)
      return run()
    }
  },
}
