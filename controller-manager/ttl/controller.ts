/** Tells kubelets how long to trust cached ConfigMaps and Secrets: longer in larger clusters. Upstream: pkg/controller/ttl. */
import { isReason } from '../../api/meta/status-error.ts'
import { nodes } from '../../api/resources.ts'
import type { Controller } from '../context.ts'
import { annotationsOf, nameOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

const annotation = 'node.alpha.kubernetes.io/ttl'

/** Cluster sizes up to which a TTL in seconds holds; the lower bounds keep it from flapping. */
const boundaries = [
  { min: 0, max: 100, seconds: 0 },
  { min: 90, max: 500, seconds: 15 },
  { min: 450, max: 1000, seconds: 30 },
  { min: 900, max: 2000, seconds: 60 },
  { min: 1800, max: Number.POSITIVE_INFINITY, seconds: 300 },
] as const

export const ttlController: Controller = {
  name: 'ttl-controller',
  serviceAccount: 'ttl-controller',
  setup: (context) => {
    const { client, informers } = context
    const queue = queueOf(context)
    const cache = informers.for(nodes)
    let step = 0
    const adjust = (): void => {
      const count = cache.lister.list().length
      const before = step
      while (count > (boundaries[step]?.max ?? 0)) step += 1
      while (step > 0 && count < (boundaries[step]?.min ?? 0)) step -= 1
      if (step !== before) for (const node of cache.lister.list()) queue.add(nameOf(node))
    }
    cache.addHandler({
      onAdd: (node) => {
        adjust()
        queue.add(nameOf(node))
      },
      onUpdate: (old, node) => {
        if (annotationsOf(old)[annotation] !== annotationsOf(node)[annotation]) enqueueSelf(queue)(node)
      },
      onDelete: adjust,
    })
    const reconcile = async (name: string): Promise<undefined> => {
      const node = cache.lister.get(name)
      const wanted = String(boundaries[step]?.seconds ?? 0)
      if (node === undefined || annotationsOf(node)[annotation] === wanted) return
      const metadata = { annotations: { [annotation]: wanted } }
      await client.patch(nodes, name, undefined, { metadata }, { type: 'merge' }).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }
    return workersOf(context, { name: 'ttl-controller', queue, concurrency: 5, reconcile })
  },
}
