/** Taints of devices, and the tolerations by which a request may have such a device. Pure. Upstream: resourceclaim.ToleratesTaint */
import type { Alternative } from './requests.ts'
import type { Device } from './pools.ts'

type Taint = NonNullable<Device['taints']>[number]
type Toleration = NonNullable<Alternative['tolerations']>[number]

const tolerates = ({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean => {
  if (key !== '' && key !== taint.key) return false
  if (effect !== '' && effect !== taint.effect) return false
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''))
}

/** True when nothing keeps new Pods from the device, or the request does not mind. An effect of None keeps nobody away. */
export const toleratesTaints = ({ taints = [] }: Device, tolerations: Alternative['tolerations'] = []): boolean =>
  taints
    .filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
    .every((taint) => tolerations.some((toleration) => tolerates(toleration, taint)))
