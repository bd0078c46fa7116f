import { storageClassOf } from '../../api/core/volume-matching.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/resources.ts'
import type { PersistentVolume, Pod, StorageClass } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { type Rejection, skip, unresolvable } from '../framework/status.ts'
import { claimHint, missingClaim } from './volumes/pod-claims.ts'

const conflict = unresolvable('node(s) had no available volume zone')

/** Labels that say where something is, with their successors. */
const topologyLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
}

/** Where a volume is: one of the values of a label. */
interface Place {
  readonly label: string
  readonly values: readonly string[]
}

const placesOf = ({ metadata }: PersistentVolume): Place[] =>
  Object.keys(topologyLabels).flatMap((label) => {
    const text = metadata?.labels?.[label]
    return text === undefined ? [] : [{ label, values: text.split('__') }]
  })

const afterVolumeChange: QueueingHint = (_pod, { old, current }) => {
  if (old === undefined) return 'Queue'
  const places = (volume: PersistentVolume): string => JSON.stringify(placesOf(volume))
  return places(old as PersistentVolume) === places(current as PersistentVolume) ? 'Skip' : 'Queue'
}

const afterClassAdded: QueueingHint = (_pod, { current }) =>
  (current as StorageClass).volumeBindingMode === 'WaitForFirstConsumer' ? 'Queue' : 'Skip'

/** Volumes that were labelled with their zone or region are only of use there. */
export const volumeZone: PluginFactory = (_args, { informers }): Plugin<readonly Place[]> => {
  const claims = informers.for(persistentVolumeClaims).lister
  const volumes = informers.for(persistentVolumes).lister
  const classes = informers.for(storageClasses).lister

  /** No place: the claim waits for this Pod's node, it has no volume yet. */
  const placesOfClaim = (pod: Pod, name: string): readonly Place[] | Rejection => {
    if (name === '') return unresolvable('PersistentVolumeClaim had no name')
    const claim = claims.get(`${pod.metadata?.namespace ?? ''}/${name}`)
    if (claim === undefined) return unresolvable(missingClaim(name))
    const volumeName = claim.spec?.volumeName ?? ''
    if (volumeName !== '') {
      const volume = volumes.get(volumeName)
      return volume === undefined ? unresolvable(`persistentvolume "${volumeName}" not found`) : placesOf(volume)
    }
    const className = storageClassOf(claim)
    if (className === '') return unresolvable('PersistentVolumeClaim had no pv name and storageClass name')
    const storageClass = classes.get(className)
    if (storageClass === undefined) return unresolvable(`storageclass.storage.k8s.io "${className}" not found`)
    if (storageClass.volumeBindingMode === undefined) {
      return unresolvable(`VolumeBindingMode not set for StorageClass "${className}"`)
    }
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return []
    return unresolvable('PersistentVolume had no name')
  }

  return {
    name: 'VolumeZone',
    eventsToRegister: [
      { resource: 'storage.k8s.io/StorageClass', actions: ['Add'], hint: afterClassAdded },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
      { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: claimHint },
      { resource: 'PersistentVolume', actions: ['Add', 'Update'], hint: afterVolumeChange },
    ],
    preFilter: (pod) => {
      const places: Place[] = []
      for (const { persistentVolumeClaim: mounted } of pod.spec?.volumes ?? []) {
        const found = mounted === undefined ? [] : placesOfClaim(pod, mounted.claimName)
        if ('code' in found) return found
        places.push(...found)
      }
      return places.length === 0 ? skip : { code: 'Success', state: places }
    },
    filter: (_pod, { node }, places) => {
      const labels = node.metadata?.labels ?? {}
      // A cluster in one place needs no labels.
      if (!Object.keys(topologyLabels).some((label) => labels[label] !== undefined)) return undefined
      const isThere = ({ label, values }: Place): boolean => {
        const value = labels[label] ?? labels[topologyLabels[label] ?? '']
        return value !== undefined && values.includes(value)
      }
      return places.every(isThere) ? undefined : conflict
    },
  }
}
