/**
 * Keeps ServiceCIDRs: says that they are ready, and holds a deleted one while cluster IPs depend on it alone.
 * Upstream: pkg/controller/servicecidrs.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { ipAddresses, serviceCIDRs } from '../../api/resources.ts'
import type { IPAddress, ServiceCIDR } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { nameOf } from '../objects.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { concernedByAddress, concernedByCidr, finalizer, planServiceCidr, type ReadyCondition } from './plan.ts'

const name = 'service-cidr-controller'
const concurrency = 5

const says = (cidr: ServiceCIDR, { status, reason, message }: ReadyCondition): boolean => {
  const known = findCondition(cidr.status?.conditions, 'Ready')
  return known?.status === status && (known.reason ?? '') === reason && known.message === message
}

const ignoringNotFound = (error: unknown): undefined => {
  if (!isReason(error, 'NotFound')) throw error
  return undefined
}

export const serviceCidrController: Controller = {
  name,
  serviceAccount: 'service-cidrs-controller',
  setup: (context) => {
    const { client, informers, events, clock } = context
    const queue = queueOf(context)
    const cidrs = informers.for(serviceCIDRs)
    const addresses = informers.for(ipAddresses)
    const enqueue = (names: readonly string[]): void => {
      for (const each of names) queue.add(each)
    }
    onAnyChange(cidrs, (cidr) => enqueue(concernedByCidr(cidr, cidrs.lister.list())))
    const enqueueHolders = (address: IPAddress): void => enqueue(concernedByAddress(address, cidrs.lister.list()))
    addresses.addHandler({ onAdd: enqueueHolders, onDelete: enqueueHolders })

    const patch = (cidr: ServiceCIDR, metadata: Record<string, unknown>): Promise<unknown> =>
      client.patch(serviceCIDRs, nameOf(cidr), undefined, { metadata }, { type: 'strategic' }).catch(ignoringNotFound)

    const setCondition = async (cidr: ServiceCIDR, condition: ReadyCondition): Promise<void> => {
      if (says(cidr, condition)) return
      const lastTransitionTime = nowRfc3339(clock.now())
      const body = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'ServiceCIDR',
        metadata: { name: nameOf(cidr) },
        status: { conditions: [{ type: 'Ready', ...condition, lastTransitionTime }] },
      }
      const options = { type: 'apply', subresource: 'status', fieldManager: name, force: true } as const
      await client.patch(serviceCIDRs, nameOf(cidr), undefined, body, options)
    }

    const serve = async (cidr: ServiceCIDR, condition: ReadyCondition): Promise<void> => {
      try {
        await setCondition(cidr, condition)
      } catch (error) {
        const message = 'The ServiceCIDR Status can not be set to Ready=True'
        events.event(cidr, 'Warning', 'KubernetesServiceCIDRError', message)
        throw error
      }
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const cidr = cidrs.lister.get(key)
      if (cidr === undefined) return undefined
      const plan = planServiceCidr(cidr, cidrs.lister.list(), addresses.lister.list(), clock.now())
      switch (plan.type) {
        case 'serve':
          if (plan.lacksFinalizer) await patch(cidr, { finalizers: [finalizer] })
          await serve(cidr, plan.condition)
          return undefined
        case 'hold':
          await setCondition(cidr, plan.condition)
          return undefined
        case 'wait':
          return { requeueAfterMs: plan.ms }
        case 'let-go':
          await patch(cidr, { '$deleteFromPrimitiveList/finalizers': [finalizer] })
          return undefined
        case 'nothing':
          return undefined
      }
    }
    return workersOf(context, { name, queue, concurrency, reconcile })
  },
}
