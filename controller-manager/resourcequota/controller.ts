/** Keeps the counts of used resources in ResourceQuotas. Upstream: pkg/controller/resourcequota. */
import { formatQuantity, zeroQuantity } from '../../api/meta/quantity.ts'
import type { ResourceAmounts } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { matchesScopes } from '../../api/quota/scopes.ts'
import { addUsage, type QuotaResource, resourceOfQuotaName, usageOf } from '../../api/quota/usage.ts'
import { type ResourceRef, resourceQuotas, resourceRef } from '../../api/resources.ts'
import type { KubeObject, ResourceQuota } from '../../api/types.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Controller } from '../context.ts'
import { discover } from '../discovery.ts'
import { metadataOnly } from '../metadata-only.ts'
import { isDeleting, keyOf, namespaceOf } from '../objects.ts'
import { sameStatus, semanticEqual } from '../semantic-equal.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'
import { countedBuiltIns } from './counted.ts'

/** Many objects come and go together: one count serves them all. */
const burstMs = 100

/** Usage of these depends on what is in them; the rest is only counted. */
const needsContent = new Set([
  'resource.k8s.io/resourceclaims',
  '/pods',
  '/services',
  '/persistentvolumeclaims',
  '/replicationcontrollers',
  '/resourcequotas',
])

const idOf = ({ group, resource }: QuotaResource): string => `${group}/${resource}`

export const resourceQuotaController: Controller = {
  name: 'resourcequota-controller',
  serviceAccount: 'resourcequota-controller',
  setup: (context) => {
    const { client, informers, config, signal, clock } = context
    const queue = queueOf(context)
    const quotas = informers.for(resourceQuotas)
    const caches = new Map<string, Informer<KubeObject>>()
    quotas.addHandler({
      onAdd: enqueueSelf(queue),
      onUpdate: (old, quota) => {
        // Not for what is used: what admission books is for objects that are not stored yet, and a count would undo it.
        const isChanged = !semanticEqual(old.spec, quota.spec) || !semanticEqual(quota.spec?.hard, quota.status?.hard)
        if (isChanged) enqueueSelf(queue)(quota)
      },
    })
    const enqueueNamespace = (object: KubeObject): void => {
      for (const quota of quotas.lister.byNamespace(namespaceOf(object))) queue.addAfter(keyOf(quota), burstMs)
    }
    const follow = (type: QuotaResource, ref: ResourceRef): Informer<KubeObject> => {
      const informer = needsContent.has(idOf(type))
        ? informers.for(ref)
        : informers.for(ref, { transform: metadataOnly })
      // New objects have been booked by admission: only what is given back is counted again.
      informer.addHandler({
        onDelete: enqueueNamespace,
        onUpdate: (old, object) => {
          const now = clock.now()
          if (!semanticEqual(usageText(type, old, now), usageText(type, object, now))) enqueueNamespace(object)
        },
      })
      caches.set(idOf(type), informer)
      return informer
    }
    for (const ref of countedBuiltIns) follow(ref, ref)

    /** The cache of a resource that a quota counts; undefined where the API server does not have it. */
    const cacheOf = async (type: QuotaResource): Promise<Informer<KubeObject> | undefined> => {
      const known = caches.get(idOf(type))
      if (known !== undefined) return known
      const { preferred } = await discover(client)
      const found = preferred.find(
        (item) => idOf(item) === idOf(type) && item.namespaced && item.verbs.includes('watch'),
      )
      if (found === undefined) return undefined
      const informer = follow(type, resourceRef<KubeObject>(found))
      await informer.whenSynced(signal)
      return informer
    }

    const usedBy = async (quota: ResourceQuota, names: ReadonlySet<string>): Promise<ResourceAmounts> => {
      const used: ResourceAmounts = Object.fromEntries([...names].map((name) => [name, zeroQuantity]))
      const types = new Map<string, QuotaResource>()
      for (const name of names) {
        const type = resourceOfQuotaName(name)
        if (type !== undefined) types.set(idOf(type), type)
      }
      for (const type of types.values()) {
        const cache = await cacheOf(type)
        for (const object of cache?.lister.byNamespace(namespaceOf(quota)) ?? []) {
          if (matchesScopes(quota, type, object)) addUsage(used, usageOf(type, object, clock.now()), names)
        }
      }
      return used
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const quota = quotas.lister.get(key)
      if (quota === undefined || isDeleting(quota)) return undefined
      const hard = quota.spec?.hard ?? {}
      const used = await usedBy(quota, new Set(Object.keys(hard)))
      const status = {
        hard,
        used: Object.fromEntries(Object.entries(used).map(([name, amount]) => [name, formatQuantity(amount)])),
      }
      if (!sameStatus(quota.status, status)) {
        await client.update(resourceQuotas, { ...quota, status }, { subresource: 'status' }).catch((error: unknown) => {
          if (!isReason(error, 'NotFound')) throw error
        })
      }
      return { requeueAfterMs: config['resource-quota-sync-period'] }
    }
    return workersOf(context, {
      name: 'resourcequota-controller',
      queue,
      concurrency: config['concurrent-resource-quota-syncs'],
      reconcile,
    })
  },
}

const usageText = (type: QuotaResource, object: KubeObject, nowMs: number): Record<string, string> =>
  Object.fromEntries(
    Object.entries(usageOf(type, object, nowMs)).map(([name, amount]) => [name, formatQuantity(amount)]),
  )
