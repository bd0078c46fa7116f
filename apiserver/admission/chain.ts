/** Runs admission plugins in their order: first all mutate, and later, on what will be stored, all validate. */
import { Reinvocation } from './reinvocation.ts'
import type { AdmissionAttributes, AdmissionPlugin, Operation } from './admission.ts'

export interface AdmissionChain {
  /** Changes `attributes.object` in place. */
  mutate(attributes: AdmissionAttributes): Promise<void>
  validate(attributes: AdmissionAttributes): Promise<void>
}

type Step = (attributes: AdmissionAttributes) => Promise<void> | void

const stepsBy = (
  plugins: readonly AdmissionPlugin[],
  phase: 'admit' | 'validate',
): Readonly<Record<Operation, readonly Step[]>> => {
  const of = (operation: Operation): Step[] =>
    plugins.filter((plugin) => plugin.operations.includes(operation)).flatMap((plugin) => plugin[phase] ?? [])
  return { CREATE: of('CREATE'), UPDATE: of('UPDATE'), DELETE: of('DELETE'), CONNECT: of('CONNECT') }
}

const run = async (steps: readonly Step[], attributes: AdmissionAttributes): Promise<void> => {
  for (const step of steps) {
    // Most plugins decide at once; awaiting only real promises keeps them off the microtask queue.
    const pending = step(attributes)
    if (pending !== undefined) await pending
  }
}

export const createAdmissionChain = (plugins: readonly AdmissionPlugin[]): AdmissionChain => {
  const mutating = stepsBy(plugins, 'admit')
  const validating = stepsBy(plugins, 'validate')
  return {
    mutate: async (attributes) => {
      const steps = mutating[attributes.operation]
      const reinvocation = new Reinvocation()
      const again = { ...attributes, reinvocation }
      await run(steps, again)
      if (!reinvocation.wanted) return
      reinvocation.secondTurn = true
      await run(steps, again)
    },
    validate: (attributes) => run(validating[attributes.operation], attributes),
  }
}
