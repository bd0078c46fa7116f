/** Cells that PersistentVolumes and claims share. */
import type { KubeObject } from '../types.ts'

const shortModes: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]

export const accessModesText = (modes: readonly string[] | undefined): string =>
  shortModes
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',')

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The class, which old objects carry in an annotation. */
export const storageClassOf = (object: KubeObject, className: string | undefined): string =>
  object.metadata?.annotations?.[classAnnotation] ?? className ?? ''

export const phaseText = (object: KubeObject, phase: string | undefined): string =>
  object.metadata?.deletionTimestamp === undefined ? (phase ?? '') : 'Terminating'
