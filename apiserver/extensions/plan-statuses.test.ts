import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CustomResourceDefinition } from '../../api/types.ts'
import { type PlannedStatus, planStatuses } from './plan-statuses.ts'

const definition = (plural: string, kind: string, group = 'example.com'): CustomResourceDefinition => ({
  metadata: { name: `${plural}.${group}` },
  spec: { group, names: { plural, kind, singular: kind.toLowerCase() }, scope: 'Namespaced', versions: [] },
})

const conditionOf = ({ status }: PlannedStatus, type: string): string | undefined => {
  const found = status.conditions?.find((condition) => condition.type === type)
  return found === undefined ? undefined : `${found.status} ${found.reason}`
}

const written = ({ definition: { metadata, spec }, status }: PlannedStatus): CustomResourceDefinition => ({
  ...(metadata === undefined ? {} : { metadata }),
  spec,
  status,
})

describe('statuses of definitions', () => {
  it('gives a name to the first of two that come together, and only within a group', () => {
    const all = [definition('as', 'Thing'), definition('bs', 'Thing'), definition('cs', 'Thing', 'other.com')]
    const planned = planStatuses(all, new WeakSet(), 0)
    assert.deepEqual(
      planned.map((plan) => conditionOf(plan, 'NamesAccepted')),
      ['True NoConflicts', 'False KindConflict', 'True NoConflicts'],
    )
    assert.deepEqual(
      planned.map((plan) => conditionOf(plan, 'Established')),
      ['True InitialNamesAccepted', 'False NotAccepted', 'True InitialNamesAccepted'],
    )
  })

  it('looks at a definition once as long as nothing changes, and again at one that waits for a name', () => {
    const settled = new WeakSet<CustomResourceDefinition>()
    const [first, second] = planStatuses([definition('as', 'Thing'), definition('bs', 'Thing')], settled, 0).map(
      written,
    )
    assert.ok(first !== undefined && second !== undefined)
    assert.deepEqual(planStatuses([first, second], settled, 1000), [])
    assert.ok(settled.has(first) && !settled.has(second))
    const [freed] = planStatuses([second], settled, 2000)
    assert.equal(freed === undefined ? undefined : conditionOf(freed, 'Established'), 'True InitialNamesAccepted')
  })

  it('leaves one alone that is being deleted, and keeps its names from others', () => {
    const [accepted] = planStatuses([definition('as', 'Thing')], new WeakSet(), 0).map(written)
    const going = { ...accepted, metadata: { name: 'as.example.com', deletionTimestamp: '2026-01-01T00:00:00Z' } }
    const planned = planStatuses([going as CustomResourceDefinition, definition('bs', 'Thing')], new WeakSet(), 0)
    assert.deepEqual(
      planned.map((plan) => conditionOf(plan, 'NamesAccepted')),
      ['False KindConflict'],
    )
  })
})
