/** Which statuses of CustomResourceDefinitions are to be written. Pure, but for what it remembers in `settled`. */
import { findCondition } from '../../api/meta/conditions.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'
import { equalJson } from '../storage/json.ts'
import { NamesInUse, nameOf, nextStatus } from './crd-conditions.ts'

export interface PlannedStatus {
  readonly definition: CustomResourceDefinition
  readonly status: NonNullable<CustomResourceDefinition['status']>
}

export const isGoing = ({ metadata }: CustomResourceDefinition): boolean => metadata?.deletionTimestamp !== undefined

/**
 * Names of a group are given in the order of the list, and what is given here is taken for those behind. A definition
 * that has all its names needs no second look as long as it stays the same object; one that waits for a name does.
 */
export const planStatuses = (
  definitions: readonly CustomResourceDefinition[],
  settled: WeakSet<CustomResourceDefinition>,
  nowMs: number,
): PlannedStatus[] => {
  const unsettled = definitions.filter((definition) => !settled.has(definition) && !isGoing(definition))
  if (unsettled.length === 0) return []
  const byGroup = Map.groupBy(definitions, ({ spec }) => spec.group)
  const inUse = new Map<string, NamesInUse>()
  const namesOf = (group: string): NamesInUse => {
    const known = inUse.get(group) ?? new NamesInUse(byGroup.get(group) ?? [])
    inUse.set(group, known)
    return known
  }
  const planned: PlannedStatus[] = []
  for (const definition of unsettled) {
    const names = namesOf(definition.spec.group)
    const status = nextStatus(definition, names, nowMs)
    names.give(nameOf(definition), status.acceptedNames)
    if (!equalJson(status, definition.status)) planned.push({ definition, status })
    else if (findCondition(status.conditions, 'NamesAccepted')?.status === 'True') settled.add(definition)
  }
  return planned
}
