/** Runs admission plugins in their order: first all mutate, and later, on what will be stored, all validate. */
import type { AdmissionAttributes, AdmissionPlugin, Operation } from './admission.ts'
import { type AdmissionMetrics, createAdmissionMetrics, type Phase, type Timing } from './metrics.ts'
import { Reinvocation } from './reinvocation.ts'

export interface AdmissionChain {
  /** Changes `attributes.object` in place. */
  mutate(attributes: AdmissionAttributes): Promise<void>
  validate(attributes: AdmissionAttributes): Promise<void>
}

interface Turn {
  readonly run: (attributes: AdmissionAttributes) => Promise<void> | void
  readonly timing: Timing
}

/** What is to be done in one phase of one kind of request. */
interface Step {
  readonly turns: readonly Turn[]
  readonly timing: Timing
}

const stepOf = (
  plugins: readonly AdmissionPlugin[],
  metrics: AdmissionMetrics,
  phase: Phase,
  operation: Operation,
): Step => ({
  turns: plugins.flatMap(({ name, operations, [phase]: run }): Turn[] =>
    run !== undefined && operations.includes(operation)
      ? [{ run, timing: metrics.plugin(name, phase, operation) }]
      : [],
  ),
  timing: metrics.step(phase, operation),
})

const stepsOf = (
  plugins: readonly AdmissionPlugin[],
  metrics: AdmissionMetrics,
  phase: Phase,
): Readonly<Record<Operation, Step>> => {
  const of = (operation: Operation): Step => stepOf(plugins, metrics, phase, operation)
  return { CREATE: of('CREATE'), UPDATE: of('UPDATE'), DELETE: of('DELETE'), CONNECT: of('CONNECT') }
}

const secondsSince = (startMs: number): number => (performance.now() - startMs) / 1000

const runTurns = async (turns: readonly Turn[], attributes: AdmissionAttributes): Promise<void> => {
  // Where one ends the next begins: the clock is read once for both.
  let startMs = performance.now()
  for (const { run, timing } of turns) {
    try {
      // Most plugins decide at once; awaiting only real promises keeps them off the microtask queue.
      const pending = run(attributes)
      if (pending !== undefined) await pending
    } catch (error) {
      timing.rejected.observe(secondsSince(startMs))
      throw error
    }
    const endMs = performance.now()
    timing.accepted.observe((endMs - startMs) / 1000)
    startMs = endMs
  }
}

const timed = async ({ accepted, rejected }: Timing, work: () => Promise<void>): Promise<void> => {
  const startMs = performance.now()
  try {
    await work()
  } catch (error) {
    rejected.observe(secondsSince(startMs))
    throw error
  }
  accepted.observe(secondsSince(startMs))
}

export const createAdmissionChain = (
  plugins: readonly AdmissionPlugin[],
  metrics = createAdmissionMetrics(),
): AdmissionChain => {
  const mutating = stepsOf(plugins, metrics, 'admit')
  const validating = stepsOf(plugins, metrics, 'validate')
  return {
    mutate: (attributes) => {
      const { turns, timing } = mutating[attributes.operation]
      return timed(timing, async () => {
        const reinvocation = new Reinvocation()
        const again = { ...attributes, reinvocation }
        await runTurns(turns, again)
        if (!reinvocation.wanted) return
        reinvocation.secondTurn = true
        await runTurns(turns, again)
      })
    },
    validate: (attributes) => {
      const { turns, timing } = validating[attributes.operation]
      return timed(timing, () => runTurns(turns, attributes))
    },
  }
}
