/**
 * The ServiceCIDR `kubernetes`, from `--service-cluster-ip-range`: made if absent, given a second range when the flag
 * got one, and otherwise never changed. A flag that says something else than the object is only complained of.
 * Upstream: pkg/controlplane/controller/defaultservicecidr.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { defaultServiceCidrName } from '../../api/networking/service-ranges.ts'
import type { KubeObject, ServiceCIDR } from '../../api/types.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { equalJson } from '../storage/json.ts'
import { applyStatus } from './apply-status.ts'
import { ensureExists, ensureLike } from './ensure.ts'
import { createWarn, type Warn } from './system-events.ts'

const controllerName = 'kubernetes-service-cidr-controller'
/** Reason of the events about what cannot be written. */
const errorReason = 'KubernetesDefaultServiceCIDRError'
const intervalMs = 10_000

export interface DefaultServiceCidrOptions {
  readonly resources: Resources
  /** The ranges of the flag, the primary first. */
  readonly cidrs: readonly string[]
  readonly clock: Clock
  readonly log: Logger
}

type Condition = NonNullable<NonNullable<ServiceCIDR['status']>['conditions']>[number]

export type CidrPlan =
  | { readonly type: 'nothing' }
  | { readonly type: 'add-range' }
  | { readonly type: 'set-ready' }
  /** The flag says something else. */
  | { readonly type: 'mismatch' }
  /** Somebody says that it is not ready: that is for a person to mend. */
  | { readonly type: 'not-ready'; readonly condition: Condition }

/** What the existing object needs, given the flag. Pure. */
export const planDefaultCidr = ({ metadata, spec, status }: ServiceCIDR, cidrs: readonly string[]): CidrPlan => {
  const now = spec?.cidrs ?? []
  if (cidrs.length === 2 && now.length === 1 && now[0] === cidrs[0]) return { type: 'add-range' }
  if (metadata?.deletionTimestamp !== undefined) return { type: 'nothing' }
  if (!equalJson(now, cidrs)) return { type: 'mismatch' }
  const ready = findCondition(status?.conditions, 'Ready')
  if (ready?.status === 'False') return { type: 'not-ready', condition: ready }
  return ready?.status === 'True' ? { type: 'nothing' } : { type: 'set-ready' }
}

/** The controller manager takes the condition over. */
const setReady = (resource: Resource, clock: Clock): Promise<void> => {
  const lastTransitionTime = nowRfc3339(clock.now())
  const condition = { type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' }
  const applied: KubeObject = {
    kind: 'ServiceCIDR',
    apiVersion: 'networking.k8s.io/v1',
    metadata: { name: defaultServiceCidrName },
    status: { conditions: [{ ...condition, lastTransitionTime }] },
  }
  return applyStatus(resource, {
    applied,
    manager: controllerName,
    clock,
    // The field has no omitempty: it is there even when there is nothing to say.
    finish: (object) => {
      for (const entry of (object as ServiceCIDR).status?.conditions ?? []) entry.reason ??= ''
    },
  })
}

export interface DefaultServiceCidr {
  /** Throws what keeps it from existing. */
  readonly sync: () => Promise<void>
  /** Syncs every ten seconds until the signal: it comes back when somebody deletes it. */
  readonly keep: (signal: AbortSignal) => Promise<void>
}

export const createDefaultServiceCidr = (options: DefaultServiceCidrOptions): DefaultServiceCidr => {
  const { resources, cidrs, clock, log } = options
  const resource = resources.get({ group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' })
  const events = resources.get({ group: '', version: 'v1', resource: 'events' })
  const warn: Warn = createWarn(controllerName, { events, clock, log })
  /** Each is told once in the life of this process. */
  const told = new Set<CidrPlan['type']>()
  const tellOnce = async (plan: CidrPlan, object: ServiceCIDR, reason: string, message: string): Promise<void> => {
    if (told.has(plan.type)) return
    told.add(plan.type)
    log.warn({ serviceCidr: object.spec?.cidrs, flag: cidrs }, message)
    await warn({ object, reason, message })
  }
  const brackets = (list: readonly string[] | undefined): string => `[${(list ?? []).join(' ')}]`

  /** What fails here is told, and tried again at the next sync. */
  const tried = async (object: ServiceCIDR, message: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (err) {
      log.warn({ err }, message)
      await warn({ object, reason: errorReason, message })
    }
  }

  const addRange = (object: ServiceCIDR): Promise<void> =>
    tried(object, `The default ServiceCIDR can not be upgraded from ${cidrs[0]} to dual stack ${brackets(cidrs)}`, () =>
      ensureLike(resource, object, (current) => {
        ;(current as ServiceCIDR).spec = { cidrs: [...cidrs] }
      }),
    )

  const execute = async (object: ServiceCIDR): Promise<void> => {
    const plan = planDefaultCidr(object, cidrs)
    switch (plan.type) {
      case 'nothing':
        return
      case 'add-range':
        return addRange(object)
      case 'set-ready':
        return tried(object, 'The default ServiceCIDR Status can not be set to Ready=True', () =>
          setReady(resource, clock),
        )
      case 'mismatch': {
        const flags = `the controller flag configurations ${brackets(cidrs)}`
        const message = `The default ServiceCIDR ${brackets(object.spec?.cidrs)} does not match ${flags}`
        return tellOnce(plan, object, 'KubernetesDefaultServiceCIDRInconsistent', message)
      }
      case 'not-ready': {
        const { reason, message } = plan.condition
        return tellOnce(plan, object, reason, `Configuration matches, but ${message}`)
      }
    }
  }

  const known = (): ServiceCIDR | undefined =>
    resource.store.cache.get(defaultServiceCidrName)?.object as ServiceCIDR | undefined

  const sync = async (): Promise<void> => {
    await resource.store.cache.ready()
    if (known() === undefined) {
      await ensureExists(resource, {
        kind: 'ServiceCIDR',
        apiVersion: 'networking.k8s.io/v1',
        metadata: { name: defaultServiceCidrName },
        spec: { cidrs: [...cidrs] },
      } as ServiceCIDR)
      await resource.store.consistent()
    }
    const current = known()
    if (current !== undefined) await execute(current)
  }

  return {
    sync,
    keep: async (signal) => {
      while (!signal.aborted) {
        await sleep(intervalMs, signal, clock).catch(() => {})
        if (signal.aborted) return
        await sync().catch((err: unknown) => {
          if (!isReason(err, 'Conflict')) log.warn({ err }, 'cannot keep the default ServiceCIDR')
        })
      }
    },
  }
}
