/** Which Pods want one volume with other SELinux labels, or change them otherwise. Upstream: selinuxwarning. */
import type { CSIDriver, PersistentVolume, Pod } from '../../api/types.ts'
import { nameOf, namespaceOf } from '../objects.ts'
import { csiVolumeName } from '../pod-volumes.ts'

type PodSecurity = NonNullable<NonNullable<Pod['spec']>['securityContext']>
type SELinuxOptions = NonNullable<PodSecurity['seLinuxOptions']>

/** How one Pod uses one volume. */
export interface LabelledUse {
  readonly pod: Pod
  /** `user:role:type:level`; '' if nothing is said, or if the volume is not mounted with a label. */
  readonly label: string
  readonly changePolicy: string
}

export interface Conflict {
  readonly pod: Pod
  readonly other: Pod
  readonly property: 'SELinuxChangePolicy' | 'SELinuxLabel'
  readonly value: string
  readonly otherValue: string
}

const labelOf = (options: SELinuxOptions | undefined): string =>
  options === undefined
    ? ''
    : [options.user ?? '', options.role ?? '', options.type ?? '', options.level ?? ''].join(':')

/** The labels of the containers that mount the volume of the Pod; their own options go before the Pod's. */
export const mountLabels = (pod: Pod, volume: string): ReadonlySet<string> => {
  const { containers = [], initContainers = [], securityContext } = pod.spec ?? {}
  const users = [...initContainers, ...containers].filter(
    ({ volumeMounts, volumeDevices }) =>
      volumeMounts?.some(({ name }) => name === volume) === true ||
      volumeDevices?.some(({ name }) => name === volume) === true,
  )
  return new Set(
    users.map((container) => labelOf(container.securityContext?.seLinuxOptions ?? securityContext?.seLinuxOptions)),
  )
}

/** Volumes that can be mounted with a label: CSI drivers say so of themselves. */
export const supportsLabelMount = (
  { spec }: PersistentVolume,
  driverOf: (name: string) => CSIDriver | undefined,
): boolean => {
  if (spec?.csi) return driverOf(spec.csi.driver)?.spec?.seLinuxMount === true
  return spec?.fc !== undefined || spec?.iscsi !== undefined
}

/** Upstream's key of the volume: two PersistentVolumes may be of one CSI volume. */
export const volumeKey = (volume: PersistentVolume): string =>
  volume.spec?.csi ? csiVolumeName(volume.spec.csi.driver, volume.spec.csi.volumeHandle) : `pv/${nameOf(volume)}`

/** `labels` as mountLabels gives it, with one entry at most. */
export const useOf = (pod: Pod, labels: ReadonlySet<string>, canMount: boolean): LabelledUse => {
  const policy = pod.spec?.securityContext?.seLinuxChangePolicy ?? 'MountOption'
  const [label = ''] = labels
  const mounted = canMount && policy !== 'Recursive' ? label : ''
  return { pod, label: mounted, changePolicy: mounted === '' ? 'Recursive' : policy }
}

/** What one of them leaves open is no conflict: the system fills it in. */
const labelsConflict = (a: string, b: string): boolean => {
  const split = (label: string): string[] => {
    const [user = '', role = '', type = '', ...level] = label.split(':')
    return [user, role, type, level.join(':')]
  }
  const right = split(b)
  return split(a).some((part, index) => part !== '' && right[index] !== '' && part !== right[index])
}

/** The conflicts of a use with the others of the same volume, as each side is to be told. */
export const conflictsOf = (use: LabelledUse, others: readonly LabelledUse[]): Conflict[] =>
  others.flatMap((other) => {
    const both = (property: Conflict['property'], value: string, otherValue: string): Conflict[] => [
      { pod: use.pod, other: other.pod, property, value, otherValue },
      { pod: other.pod, other: use.pod, property, value: otherValue, otherValue: value },
    ]
    return [
      ...(use.changePolicy === other.changePolicy
        ? []
        : both('SELinuxChangePolicy', use.changePolicy, other.changePolicy)),
      ...(labelsConflict(use.label, other.label) ? both('SELinuxLabel', use.label, other.label) : []),
    ]
  })

const onlyOne = 'If both pods land on the same node, only one of them may access the volume.'

/** Names and values of another namespace are nobody else's business. */
export const conflictMessage = ({ pod, other, property, value, otherValue }: Conflict): string => {
  const [mine, theirs] = [JSON.stringify(value), JSON.stringify(otherValue)]
  return namespaceOf(pod) === namespaceOf(other)
    ? `${property} ${mine} conflicts with pod ${nameOf(other)} that uses the same volume as this pod with ${property} ${theirs}. ${onlyOne}`
    : `${property} ${mine} conflicts with another pod that uses the same volume as this pod with a different ${property}. ${onlyOne}`
}
