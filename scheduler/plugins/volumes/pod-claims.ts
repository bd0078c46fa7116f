/** The claims that a Pod mounts, and what they say of themselves. */
import { isControlledBy } from '../../../api/meta/owners.ts'
import type { PersistentVolumeClaim, Pod, Volume } from '../../../api/types.ts'
import type { QueueingHint } from '../../framework/events.ts'

/** A claim as a Pod refers to it. */
export interface PodClaim {
  readonly name: string
  /** `namespace/name`. */
  readonly key: string
  /** Made for this Pod alone, by the ephemeral volume controller. */
  readonly isEphemeral: boolean
}

const nameIn = (pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined =>
  persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${pod.metadata?.name}-${name}`)

export const podClaims = (pod: Pod): PodClaim[] =>
  (pod.spec?.volumes ?? []).flatMap((volume): PodClaim[] => {
    const name = nameIn(pod, volume)
    if (name === undefined) return []
    const isEphemeral = volume.persistentVolumeClaim === undefined
    return [{ name, key: `${pod.metadata?.namespace ?? ''}/${name}`, isEphemeral }]
  })

/** Why an ephemeral claim is not the Pod's own, in upstream's words. */
export const foreignClaim = (pod: Pod, claim: PersistentVolumeClaim): string | undefined => {
  if (isControlledBy(claim, pod)) return undefined
  const { namespace, name } = claim.metadata ?? {}
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata?.namespace}/${pod.metadata?.name} (pod is not owner)`
}

const bindCompleted = 'pv.kubernetes.io/bind-completed'

/** The volume controller has finished with it. */
export const isFullyBound = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  (spec?.volumeName ?? '') !== '' && metadata?.annotations?.[bindCompleted] !== undefined

export const missingClaim = (name: string): string => `persistentvolumeclaim "${name}" not found`

/** Wakes a Pod for a claim that it mounts. */
export const claimHint: QueueingHint = (pod, { current }) => {
  const { namespace, name } = current?.metadata ?? {}
  return podClaims(pod).some(({ key }) => key === `${namespace}/${name}`) ? 'Queue' : 'Skip'
}
