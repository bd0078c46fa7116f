/** Times of admission, of each plugin and of all together, under upstream's names. */
import { registerHistograms } from '../../component-base/metrics/histogram-family.ts'
import { PlainHistogram } from '../../component-base/metrics/histogram.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import type { Operation } from './admission.ts'

export type Phase = 'admit' | 'validate'

/** Times in seconds, by whether the request was let pass. */
export interface Timing {
  readonly accepted: PlainHistogram
  readonly rejected: PlainHistogram
}

export interface AdmissionMetrics {
  /** All plugins of a phase. */
  step(type: Phase, operation: Operation): Timing
  plugin(name: string, type: Phase, operation: Operation): Timing
}

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5]

/** `registry` undefined: they are measured, and nobody sees them. */
export const createAdmissionMetrics = (registry?: Registry): AdmissionMetrics => {
  const family = (name: string, help: string) => {
    const samples: { labels: Readonly<Record<string, string>>; histogram: PlainHistogram }[] = []
    if (registry !== undefined) registerHistograms(registry, { name, help, samples: () => samples })
    return (labels: Readonly<Record<string, string>>): Timing => {
      const [accepted, rejected] = [new PlainHistogram(bounds), new PlainHistogram(bounds)]
      samples.push({ labels: { ...labels, rejected: 'false' }, histogram: accepted })
      samples.push({ labels: { ...labels, rejected: 'true' }, histogram: rejected })
      return { accepted, rejected }
    }
  }
  const steps = family(
    'apiserver_admission_step_admission_duration_seconds',
    'Time that all admission plugins together took, by operation and step (admit or validate).',
  )
  const plugins = family(
    'apiserver_admission_controller_admission_duration_seconds',
    'Time that an admission plugin took, by operation and step (admit or validate).',
  )
  return {
    step: (type, operation) => steps({ type, operation }),
    plugin: (name, type, operation) => plugins({ name, type, operation }),
  }
}
