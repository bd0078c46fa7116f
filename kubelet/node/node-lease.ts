/** The Lease by which a node shows that it lives. Upstream: component-helpers/apimachinery/lease. */
import { isReason } from '../../api/meta/status-error.ts'
import { microTime } from '../../api/meta/time.ts'
import { leases } from '../../api/resources.ts'
import type { Lease, Node } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'

const namespace = 'kube-node-lease'
/** Part of its life after which a lease is renewed. */
const renewFraction = 0.25

export interface NodeLeaseOptions {
  readonly client: RestClient
  readonly nodeName: string
  readonly durationSeconds: number
  /** The Node owns its lease: one goes with the other. */
  readonly node: () => Node | undefined
  readonly now: () => number
  readonly log: Logger
}

/** Renews until the signal aborts; an API server that is away is tried again sooner. */
export const runNodeLease = async (options: NodeLeaseOptions, signal: AbortSignal): Promise<void> => {
  const { client, nodeName, durationSeconds, now, log } = options
  const renewMs = durationSeconds * 1000 * renewFraction
  let current: Lease | undefined

  const wanted = (base: Lease | undefined): Lease => {
    const node = options.node()
    const owner =
      node?.metadata?.uid === undefined
        ? base?.metadata?.ownerReferences
        : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node.metadata.uid }]
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...base?.metadata,
        name: nodeName,
        namespace,
        ...(owner === undefined ? {} : { ownerReferences: owner }),
      },
      spec: {
        ...base?.spec,
        holderIdentity: nodeName,
        leaseDurationSeconds: durationSeconds,
        renewTime: microTime(now()),
      },
    } as Lease
  }

  const renew = async (): Promise<void> => {
    if (current !== undefined) {
      try {
        current = await client.update(leases, wanted(current), { signal, timeoutMs: renewMs })
        return
      } catch (error) {
        if (!isReason(error, 'Conflict', 'NotFound')) throw error
      }
    }
    try {
      current = await client.get(leases, nodeName, namespace, { signal })
      current = await client.update(leases, wanted(current), { signal, timeoutMs: renewMs })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      current = await client.create(leases, wanted(undefined), { signal })
    }
  }

  while (!signal.aborted) {
    const failed = await renew().then(
      () => false,
      (error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'cannot renew the node lease')
        return true
      },
    )
    await sleep(failed ? Math.min(renewMs, 2000) : renewMs, signal).catch(() => undefined)
  }
}
