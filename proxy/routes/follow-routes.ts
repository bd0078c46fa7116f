/** Keeps a node's routes to the other nodes' Pods: synced one at a time, and again after a failure. */
import type { InformerFactory } from '../../client/cache/informer.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { watchNodes } from '../watch.ts'
import type { IpFamily } from '../family.ts'
import { syncRoutes } from './kernel-routes.ts'
import type { TunnelMode } from './node-routes.ts'

interface RouteOptions {
  readonly informers: InformerFactory
  /** This node's name. */
  readonly self: string
  readonly mode: TunnelMode
  readonly families: readonly IpFamily[]
}

const retryMs = 1_000

export const followRoutes = (
  { informers, self, mode, families }: RouteOptions,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): void => {
  let dirty = false
  let working = false
  const work = async (): Promise<void> => {
    if (working) return
    working = true
    while (dirty && !signal.aborted) {
      dirty = false
      try {
        await syncRoutes(nodes.lister.list(), { self, mode, families, log })
      } catch (error) {
        log.warn({ err: error }, 'routes not written; trying again')
        dirty = true
        await sleep(retryMs, signal).catch(() => undefined)
      }
    }
    working = false
  }
  const changed = (): void => {
    if (!nodes.hasSynced()) return
    dirty = true
    void work()
  }
  const nodes = watchNodes(informers, changed)
  nodes.whenSynced(signal).then(changed, () => undefined)
}
