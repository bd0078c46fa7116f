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

export const phaseText = (object: KubeObject, phase: string | undefined): string =>
  object.metadata?.deletionTimestamp === undefined ? (phase ?? '') : 'Terminating'
