import { persistentVolumeClaims } from '../../api/resources.ts'
import type { Pod, Volume } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { type Rejection, skip, unresolvable, unschedulable } from '../framework/status.ts'
import { claimHint, missingClaim } from './volumes/pod-claims.ts'

const diskConflict = unschedulable('node(s) had no available disk')
const claimInUse = unschedulable(
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
)

/** Disks that say which of two mounts of them is one too many. */
const isExclusive = ({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean =>
  [gcePersistentDisk, awsElasticBlockStore, rbd, iscsi].some((source) => source !== undefined)

interface Mount {
  readonly readOnly?: boolean
}
const oneWrites = (a: Mount, b: Mount): boolean => a.readOnly !== true || b.readOnly !== true

/** The same disk, and at least one of the two writes; an EBS volume can be mounted once in any case. */
const collide = (a: Volume, b: Volume): boolean => {
  if (a.gcePersistentDisk && b.gcePersistentDisk) {
    const [one, other] = [a.gcePersistentDisk, b.gcePersistentDisk]
    if (one.pdName === other.pdName && oneWrites(one, other)) return true
  }
  if (a.awsElasticBlockStore && a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID) return true
  if (a.iscsi && b.iscsi && a.iscsi.iqn === b.iscsi.iqn && oneWrites(a.iscsi, b.iscsi)) return true
  if (a.rbd && b.rbd) {
    const [one, other] = [a.rbd, b.rbd]
    const isShared = one.monitors.some((monitor) => other.monitors.includes(monitor))
    const samePool = (one.pool ?? 'rbd') === (other.pool ?? 'rbd')
    if (isShared && samePool && one.image === other.image && oneWrites(one, other)) return true
  }
  return false
}

const collidesWith = (pod: Pod, other: Pod): boolean =>
  (pod.spec?.volumes ?? []).some(
    (volume) => isExclusive(volume) && (other.spec?.volumes ?? []).some((used) => collide(volume, used)),
  )

const collidesOn = (pod: Pod, info: LiveNodeInfo): boolean => {
  for (const other of info.pods.values()) if (collidesWith(pod, other)) return true
  return false
}

const claimNames = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [])

interface State {
  /** ReadWriteOncePod claims of the Pod. */
  readonly claims: ReadonlySet<string>
  /** How often Pods anywhere use one of them. */
  uses: number
}

const countUses = (state: State, pod: Pod, other: Pod): number =>
  other.metadata?.namespace === pod.metadata?.namespace
    ? claimNames(other).filter((name) => state.claims.has(name)).length
    : 0

const afterPodDeleted: QueueingHint = (pod, { old }) => {
  const gone = old as Pod
  if (gone.metadata?.namespace !== pod.metadata?.namespace) return 'Skip'
  const names = new Set(claimNames(pod))
  return collidesWith(pod, gone) || claimNames(gone).some((name) => names.has(name)) ? 'Queue' : 'Skip'
}

/** Disks that one node may mount once, and claims that one Pod may use at a time. */
export const volumeRestrictions: PluginFactory = (_args, { informers, snapshot }): Plugin<State> => {
  const claims = informers.for(persistentVolumeClaims).lister

  const exclusiveClaims = (pod: Pod): ReadonlySet<string> | Rejection => {
    const names = new Set<string>()
    for (const name of claimNames(pod)) {
      const claim = claims.get(`${pod.metadata?.namespace ?? ''}/${name}`)
      if (claim === undefined) return unresolvable(missingClaim(name))
      if (claim.spec?.accessModes?.includes('ReadWriteOncePod')) names.add(name)
    }
    return names
  }

  const isUsed = (key: string): boolean => snapshot.nodes.some(({ claimUsers }) => claimUsers.has(key))

  return {
    name: 'VolumeRestrictions',
    eventsToRegister: [
      { resource: 'AssignedPod', actions: ['Delete'], hint: afterPodDeleted },
      { resource: 'Node', actions: ['Add'] },
      { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: claimHint },
    ],
    preFilter: (pod) => {
      const names = exclusiveClaims(pod)
      if ('code' in names) return names
      let uses = 0
      for (const name of names) if (isUsed(`${pod.metadata?.namespace ?? ''}/${name}`)) uses++
      const needsDisks = (pod.spec?.volumes ?? []).some(isExclusive)
      return needsDisks || uses > 0 ? { code: 'Success', state: { claims: names, uses } } : skip
    },
    cloneState: (state) => ({ ...state }),
    addPod: (state, pod, added) => {
      state.uses += countUses(state, pod, added)
    },
    removePod: (state, pod, removed) => {
      state.uses -= countUses(state, pod, removed)
    },
    filter: (pod, info, state) => {
      if (collidesOn(pod, info)) return diskConflict
      return state.uses > 0 ? claimInUse : undefined
    },
  }
}
