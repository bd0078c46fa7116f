/**
 * Follows the FlowSchemas and PriorityLevelConfigurations: what is stored becomes what flow control does, and each
 * FlowSchema is told whether its priority level exists. Upstream: the configuration part of apf_controller.go
 */
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/bootstrap.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts'
import { type Clock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { FlowController } from '../flow-control/flow-controller.ts'
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { applyStatus } from './apply-status.ts'
import type { FlowControlObjects } from './flow-control-objects.ts'

export const consumerManager = 'api-priority-and-fairness-config-consumer-v1'

type Condition = NonNullable<NonNullable<FlowSchema['status']>['conditions']>[number]

/** What the condition Dangling must become; undefined if it is right. Pure. */
export const planDangling = (
  { spec, status }: FlowSchema,
  exists: boolean,
): Omit<Condition, 'lastTransitionTime'> | undefined => {
  const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(spec?.priorityLevelConfiguration?.name ?? '')}`
  const wanted = exists
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${about} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${about} but there is no such object` }
  const now = status?.conditions?.find(({ type }) => type === wanted.type)
  const isRight = now?.status === wanted.status && now.reason === wanted.reason && now.message === wanted.message
  return isRight ? undefined : wanted
}

/** Servers that disagree must not write against each other without end. */
const maxUpdatesPerMinute = 6
const minuteMs = 60_000
/** Upstream: borrowingAdjustmentPeriod. */
const adjustIntervalMs = 10_000
const ensureIntervalMs = 60_000
const retryMs = 1_000

export interface FlowControlConfigOptions {
  readonly resources: Resources
  readonly controller: FlowController
  readonly objects: FlowControlObjects
  readonly clock: Clock
  readonly log: Logger
}

export interface FlowControlConfig {
  /** Takes over what is stored now. Throws what keeps it from that. */
  readonly sync: () => Promise<void>
  /** Follows changes, adjusts limits every ten seconds and mends the objects every minute, until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

const objectsOf = <T>({ store }: Resource): T[] => store.cache.range().map(({ object }) => object as T)

export const createFlowControlConfig = (options: FlowControlConfigOptions): FlowControlConfig => {
  const { resources, controller, objects, clock, log } = options
  const resourceOf = (resource: string): Resource =>
    resources.get({ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource })
  const schemas = resourceOf('flowschemas')
  const levels = resourceOf('prioritylevelconfigurations')
  /** When each FlowSchema's status was written, within the last minute. */
  const written = new Map<string, number[]>()

  const mayWrite = (name: string): boolean => {
    const now = clock.now()
    const times = (written.get(name) ?? []).filter((time) => now - time < minuteMs)
    const may = times.length < maxUpdatesPerMinute
    if (may) times.push(now)
    written.set(name, times)
    return may
  }

  /** False if it has to be tried again later. */
  const tell = async (schema: FlowSchema): Promise<boolean> => {
    const name = schema.metadata?.name ?? ''
    const condition = planDangling(schema, controller.hasLevel(schema.spec?.priorityLevelConfiguration?.name ?? ''))
    if (condition === undefined) return true
    if (!mayWrite(name)) return false
    const applied = {
      kind: 'FlowSchema',
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      metadata: { name },
      status: { conditions: [{ ...condition, lastTransitionTime: nowRfc3339(clock.now()) }] },
    }
    try {
      await applyStatus(schemas, { applied, manager: consumerManager, clock })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
    return true
  }

  const sync = async (): Promise<boolean> => {
    await Promise.all([schemas.store.cache.ready(), levels.store.cache.ready()])
    const all = objectsOf<FlowSchema>(schemas)
    controller.configure(objectsOf<PriorityLevelConfiguration>(levels), all)
    for (const name of written.keys()) if (schemas.store.cache.get(name) === undefined) written.delete(name)
    const told = await Promise.all(all.map(tell))
    return told.every(Boolean)
  }

  const lacksMandatory = (): boolean =>
    mandatoryPriorityLevels.some(({ metadata }) => levels.store.cache.get(metadata?.name ?? '') === undefined) ||
    mandatoryFlowSchemas.some(({ metadata }) => schemas.store.cache.get(metadata?.name ?? '') === undefined)

  /** Calls `work` again and again; what it throws is told, and tried again soon. */
  const every = async (ms: number, what: string, work: () => Promise<void> | void, signal: AbortSignal) => {
    let wait = ms
    while (!signal.aborted) {
      await sleep(wait, signal, clock).catch(() => {})
      if (signal.aborted) return
      try {
        await work()
        wait = ms
      } catch (err) {
        log.warn({ err }, what)
        wait = Math.min(ms, retryMs)
      }
    }
  }

  const follow = async (signal: AbortSignal): Promise<void> => {
    let changed = Promise.withResolvers<void>()
    const wake = (): void => changed.resolve()
    for (const { store } of [schemas, levels]) store.cache.onChange(wake)
    signal.addEventListener('abort', wake, { once: true })
    while (!signal.aborted) {
      let again = false
      try {
        again = !(await sync())
        if (lacksMandatory()) await objects.ensureMandatory()
      } catch (err) {
        log.warn({ err }, 'FlowSchemas and PriorityLevelConfigurations could not be taken over')
        again = true
      }
      if (again) await sleep(retryMs, signal, clock).catch(() => {})
      else await changed.promise
      changed = Promise.withResolvers<void>()
    }
  }

  return {
    sync: async () => void (await sync()),
    run: async (signal) => {
      await Promise.all([
        follow(signal),
        every(adjustIntervalMs, 'limits cannot be adjusted', () => controller.adjust(), signal),
        every(ensureIntervalMs, 'flow control objects cannot be kept', () => objects.ensureAll(), signal),
      ])
    },
  }
}
