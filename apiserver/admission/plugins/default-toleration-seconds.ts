/** Pods tolerate a node that is not ready or unreachable for a while, unless they say otherwise. */
import type { Pod, Toleration } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

export interface TolerationDefaults {
  readonly notReadySeconds: number
  readonly unreachableSeconds: number
}

const notReady = 'node.kubernetes.io/not-ready'
const unreachable = 'node.kubernetes.io/unreachable'

const covers = ({ key = '', effect = '' }: Toleration, taint: string): boolean =>
  (key === taint || key === '') && (effect === 'NoExecute' || effect === '')

export const defaultTolerationSeconds = ({
  notReadySeconds,
  unreachableSeconds,
}: TolerationDefaults): AdmissionPlugin => ({
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  admit: (attributes) => {
    if (!isResource(attributes, 'pods')) return
    const spec = (attributes.object as Pod | undefined)?.spec
    if (spec === undefined) return
    const present = spec.tolerations ?? []
    const missing = (
      [
        [notReady, notReadySeconds],
        [unreachable, unreachableSeconds],
      ] as const
    ).filter(([taint]) => !present.some((toleration) => covers(toleration, taint)))
    if (missing.length === 0) return
    spec.tolerations = [
      ...present,
      ...missing.map(([key, tolerationSeconds]) => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      })),
    ]
  },
})
