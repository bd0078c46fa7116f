/** Feature gates of the controllers. */
import { applyGates, gateValues } from '../component-base/features/feature-gates.ts'
import { UsageError } from '../component-base/process/run.ts'
import type { ControllerManagerConfig } from './options.ts'

const defaults = { ClusterTrustBundle: false }

/** A gate that changes something here. */
export type ControllerGate = keyof typeof defaults

export interface ControllerGates {
  readonly gates: Readonly<Record<ControllerGate, boolean>>
  /** Gates that are set otherwise than by default, and make no difference here. */
  readonly ignored: readonly string[]
}

/** Throws UsageError. */
export const controllerGates = (config: Pick<ControllerManagerConfig, 'feature-gates'>): ControllerGates => {
  const ignored: string[] = []
  try {
    const gates = applyGates<ControllerGate>(defaults, gateValues(config['feature-gates']), (gate) =>
      ignored.push(gate),
    )
    return { gates, ignored }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
