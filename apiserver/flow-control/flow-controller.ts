/**
 * What the FlowSchemas and PriorityLevelConfigurations of the moment mean: finds each request's flow and level, and
 * divides the server's seats among the levels. It works from the start, with the mandatory objects alone, and makes of
 * each new set of objects what it needs while requests go on.
 *
 * Upstream: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go
 */
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/bootstrap.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'
import type { FlowClock } from './clock.ts'
import type { FlowCounters } from './counters.ts'
import type { Flow } from './flow-request.ts'
import { adjustLimits, configuredLimits } from './limits.ts'
import { inMatchingOrder, matchesRules, type Rules, rulesFor } from './matching.ts'
import { PriorityLevel, queuingOf } from './priority-level.ts'
import { ReadVsWrite } from './read-vs-write.ts'
import { flowHash } from './shuffle-sharding.ts'
import { TurnGate } from './turn-gate.ts'

/** A FlowSchema whose level exists. */
export interface ActiveSchema {
  readonly object: FlowSchema
  readonly uid: string
  readonly level: PriorityLevel
  readonly levelUid: string
  readonly counters: FlowCounters
  readonly distinguisher: 'ByUser' | 'ByNamespace' | undefined
  readonly flows: Map<string, Flow>
}

export interface FlowControllerOptions {
  /** Seats of the whole server. */
  readonly serverLimit: number
  readonly clock: FlowClock
  readonly log: Logger
}

/** Flows of a schema whose hand is remembered. */
const maxFlows = 1000

const nameOf = ({ metadata }: { readonly metadata?: { readonly name?: string } }): string => metadata?.name ?? ''

/** Adds those of `mandatory` that are missing. */
const withMandatory = <T extends FlowSchema | PriorityLevelConfiguration>(
  objects: readonly T[],
  mandatory: readonly T[],
): T[] => [...objects, ...mandatory.filter((object) => !objects.some((other) => nameOf(other) === nameOf(object)))]

export class FlowController {
  readonly #options: FlowControllerOptions
  readonly #levels = new Map<string, PriorityLevel>()
  #schemas: readonly ActiveSchema[] = []
  /** The rules of each schema that are about a user, for users that come again and again. */
  #byUser = new WeakMap<UserInfo, readonly { readonly schema: ActiveSchema; readonly rules: readonly Rules[] }[]>()
  #fairFraction = 0

  readonly readVsWrite: ReadVsWrite
  readonly #gate: TurnGate

  constructor(options: FlowControllerOptions) {
    this.#options = options
    this.readVsWrite = new ReadVsWrite(options.clock.now())
    this.#gate = new TurnGate(options.clock)
    this.configure([], [])
  }

  get levels(): ReadonlyMap<string, PriorityLevel> {
    return this.#levels
  }
  get fairFraction(): number {
    return this.#fairFraction
  }

  /** Takes over all objects as they are now. */
  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    const wanted = new Set<string>()
    for (const object of withMandatory(levels, mandatoryPriorityLevels)) {
      const name = nameOf(object)
      const queuing = queuingOf(object)
      if (typeof queuing === 'string') {
        this.#options.log.warn({ priorityLevel: name, reason: queuing }, 'a PriorityLevelConfiguration is ignored')
        continue
      }
      wanted.add(name)
      const level = this.#levels.get(name)
      if (level === undefined)
        this.#levels.set(name, new PriorityLevel(object, queuing, this.#options.clock, this.#gate))
      else level.configure(object, queuing)
    }
    for (const [name, level] of this.#levels) {
      if (wanted.has(name)) continue
      // What is still in it keeps its seats until it is done.
      if (level.queues.isIdle) this.#levels.delete(name)
      else level.isQuiescing = true
    }
    this.#schemas = inMatchingOrder(withMandatory(schemas, mandatoryFlowSchemas)).flatMap((object) => {
      const level = this.#levels.get(object.spec?.priorityLevelConfiguration?.name ?? '')
      return level === undefined || level.isQuiescing ? [] : [activeSchema(object, level)]
    })
    this.#byUser = new WeakMap()
    const all = [...this.#levels.values()]
    const limits = configuredLimits(
      all.map(({ object }) => object),
      this.#options.serverLimit,
    )
    for (const [index, level] of all.entries()) level.limits = limits[index] ?? level.limits
    const sumOf = (of: (level: PriorityLevel) => number): number => all.reduce((sum, level) => sum + of(level), 0)
    this.readVsWrite.setLimits(
      Math.max(
        sumOf(({ limits: { nominal } }) => nominal),
        1,
      ),
      Math.max(
        sumOf(({ queuing }) => (queuing.type === 'queue' ? queuing.queues * queuing.queueLengthLimit : 0)),
        1,
      ),
      this.#options.clock.now(),
    )
    this.adjust()
  }

  /** Lets levels lend and borrow for the next period. To be called every ten seconds. */
  adjust(): void {
    for (const [name, level] of this.#levels) if (level.isQuiescing && level.queues.isIdle) this.#levels.delete(name)
    const all = [...this.#levels.values()]
    const { limits, fairFraction } = adjustLimits(all.map((level) => level.takeDemand()))
    this.#fairFraction = fairFraction
    const denominator = Math.max(1, Math.round(this.#options.serverLimit / 10))
    for (const [index, level] of all.entries()) level.adjust(limits[index] ?? level.adjusted, denominator)
  }

  /** Whether FlowSchemas may name the level. */
  hasLevel(name: string): boolean {
    return this.#levels.get(name)?.isQuiescing === false
  }

  /** The first FlowSchema that is about the request; the catch-all is about everybody. */
  schemaOf(user: UserInfo, info: RequestInfo): ActiveSchema {
    let candidates = this.#byUser.get(user)
    if (candidates === undefined) {
      candidates = this.#schemas.flatMap((schema) => {
        const rules = rulesFor(schema.object, user)
        return rules.length === 0 ? [] : [{ schema, rules }]
      })
      this.#byUser.set(user, candidates)
    }
    for (const { schema, rules } of candidates) if (matchesRules(rules, info)) return schema
    const last = this.#schemas.find(({ object }) => nameOf(object) === 'catch-all')
    if (last === undefined) throw new Error('there is no catch-all FlowSchema')
    return last
  }
}

const activeSchema = (object: FlowSchema, level: PriorityLevel): ActiveSchema => {
  const method = object.spec?.distinguisherMethod?.type
  return {
    object,
    uid: object.metadata?.uid ?? '',
    level,
    levelUid: level.object.metadata?.uid ?? '',
    counters: level.countersOf(nameOf(object)),
    distinguisher: method === 'ByUser' || method === 'ByNamespace' ? method : undefined,
    flows: new Map(),
  }
}

/** The flow of a request within its schema. */
export const flowOf = (schema: ActiveSchema, user: UserInfo, info: RequestInfo): Flow => {
  const { queuing } = schema.level
  const told = queuing.type === 'queue' && queuing.queues > 1 ? schema.distinguisher : undefined
  const distinguisher = told === undefined ? '' : told === 'ByUser' ? user.name : info.namespace
  let flow = schema.flows.get(distinguisher)
  if (flow !== undefined) return flow
  if (schema.flows.size >= maxFlows) schema.flows.clear()
  const name = nameOf(schema.object)
  flow = {
    schema: name,
    distinguisher,
    counters: schema.counters,
    hash: () => flowHash(name, distinguisher),
    hand: undefined,
  }
  schema.flows.set(distinguisher, flow)
  return flow
}
