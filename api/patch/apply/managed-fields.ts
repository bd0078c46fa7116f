/** metadata.managedFields: who owns which fields. Entries on the wire, sets in memory. */
import type { KubeObject } from '../../types.ts'
import {
  emptySet,
  equalSets,
  type FieldSet,
  fieldsV1FromSet,
  isEmpty,
  setFromFieldsV1,
  setOfPath,
  union,
} from './field-set.ts'

export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  /** `apps/v1` */
  readonly apiVersion: string
  readonly subresource: string
  readonly time: string | undefined
  readonly fields: FieldSet
}

/** Updates of more managers than this are folded into one entry. */
const maxUpdateManagers = 10
const ancientManager = 'ancient-changes'

/** Fields that the server owns: nobody manages them. */
const unmanaged: FieldSet = [
  ['apiVersion'],
  ['kind'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'selfLink'],
  ['metadata', 'uid'],
  ['metadata', 'generation'],
  ['metadata', 'managedFields'],
  ['metadata', 'resourceVersion'],
]
  .map(setOfPath)
  .reduce(union, emptySet)

export const unmanagedFields = (): FieldSet => unmanaged

/** Two entries are of one manager if all but time and fields agree; an applier is one whatever its version. */
export const sameManager = (a: Manager, b: Manager): boolean =>
  a.name === b.name &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export const managersOf = (object: KubeObject | undefined): readonly Manager[] => {
  const entries: unknown = object?.metadata?.managedFields
  if (!Array.isArray(entries)) return []
  return entries.filter(isRecord).map((entry) => ({
    name: textOf(entry.manager),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    apiVersion: textOf(entry.apiVersion),
    subresource: textOf(entry.subresource),
    time: typeof entry.time === 'string' ? entry.time : undefined,
    fields: setFromFieldsV1(entry.fieldsV1),
  }))
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const inOrder = (a: Manager, b: Manager): number =>
  compareText(a.operation, b.operation) ||
  compareText(a.time ?? '', b.time ?? '') ||
  compareText(a.name, b.name) ||
  compareText(a.apiVersion, b.apiVersion) ||
  compareText(a.subresource, b.subresource)

/** Folds the oldest updates of a version together where there are too many. */
const capped = (managers: readonly Manager[], apiVersion: string): readonly Manager[] => {
  const updates = managers.filter(({ operation }) => operation === 'Update').sort(inOrder)
  const excess = updates.length - maxUpdateManagers
  if (excess <= 0) return managers
  const folded = updates.filter((manager) => manager.apiVersion === apiVersion).slice(0, excess + 1)
  const last = folded.at(-1)
  if (last === undefined) return managers
  const ancient: Manager = {
    ...last,
    name: ancientManager,
    subresource: '',
    fields: folded.map(({ fields }) => fields).reduce(union, emptySet),
  }
  return [...managers.filter((manager) => !folded.includes(manager)), ancient]
}

/** managedFields as stored: empty ones left out, in upstream's order. */
export const encodeManagers = (managers: readonly Manager[], apiVersion: string): Record<string, unknown>[] =>
  [
    ...capped(
      managers.filter(({ fields }) => !isEmpty(fields)),
      apiVersion,
    ),
  ]
    .sort(inOrder)
    .map((manager) => ({
      manager: manager.name,
      operation: manager.operation,
      apiVersion: manager.apiVersion,
      ...(manager.time === undefined ? {} : { time: manager.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fieldsV1FromSet(manager.fields),
      ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
    }))

/** True if both lists own the same, whatever the times. */
export const sameManagers = (a: readonly Manager[], b: readonly Manager[]): boolean =>
  a.length === b.length &&
  a.every((manager) =>
    b.some(
      (other) =>
        sameManager(manager, other) &&
        manager.apiVersion === other.apiVersion &&
        equalSets(manager.fields, other.fields),
    ),
  )
