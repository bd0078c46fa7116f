import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  autoUpdateAnnotation,
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedPriorityLevels,
} from '../../api/flowcontrol/bootstrap.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts'
import { planDangling } from './flow-control-config.ts'
import { planConfigUpdate } from './flow-control-objects.ts'

type Level = PriorityLevelConfiguration
const named = (list: readonly Level[], name: string): Level =>
  list.find(({ metadata }) => metadata?.name === name) ?? assert.fail(name)
const system = named(suggestedPriorityLevels, 'system')
const exempt = named(mandatoryPriorityLevels, 'exempt')
const catchAll = named(mandatoryPriorityLevels, 'catch-all')

/** As it is stored, with another spec or another annotation. */
const stored = (
  wanted: Level,
  { annotation, generation = 1, spec }: { annotation?: string; generation?: number; spec?: Level['spec'] },
): Level => ({
  ...wanted,
  metadata: {
    name: wanted.metadata?.name ?? '',
    generation,
    annotations: annotation === undefined ? {} : { [autoUpdateAnnotation]: annotation },
  },
  ...(spec === undefined ? {} : { spec }),
})
const changed: Level['spec'] = {
  type: 'Limited',
  limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } },
}

describe('a suggested object', () => {
  it('is left alone when it is right', () => {
    assert.equal(planConfigUpdate(stored(system, { annotation: 'true' }), system, 'suggested'), undefined)
  })

  it('is put right while it says that it is the server’s', () => {
    const current = stored(system, { annotation: 'true', generation: 5, spec: changed })
    assert.deepEqual(planConfigUpdate(current, system, 'suggested'), { spec: system.spec, annotation: 'true' })
  })

  it('is the cluster’s own when it says so', () => {
    const current = stored(system, { annotation: 'false', generation: 5, spec: changed })
    assert.equal(planConfigUpdate(current, system, 'suggested'), undefined)
  })

  it('without a word is the server’s until somebody has changed it', () => {
    const fresh = stored(system, { spec: changed })
    assert.deepEqual(planConfigUpdate(fresh, system, 'suggested'), { spec: system.spec, annotation: 'true' })
    const edited = stored(system, { generation: 2, spec: changed })
    assert.deepEqual(planConfigUpdate(edited, system, 'suggested'), { spec: undefined, annotation: 'false' })
    const nonsense = stored(system, { annotation: 'maybe', generation: 2, spec: changed })
    assert.deepEqual(planConfigUpdate(nonsense, system, 'suggested'), { spec: undefined, annotation: 'false' })
  })
})

describe('a mandatory object', () => {
  it('is always put right, whatever it says', () => {
    const current = stored(catchAll, { annotation: 'false', generation: 5, spec: changed })
    assert.deepEqual(planConfigUpdate(current, catchAll, 'mandatory'), { spec: catchAll.spec, annotation: 'true' })
    assert.deepEqual(planConfigUpdate(stored(catchAll, { annotation: 'false' }), catchAll, 'mandatory'), {
      spec: undefined,
      annotation: 'true',
    })
  })

  it('leaves people their part of the level exempt', () => {
    const spec: Level['spec'] = { type: 'Exempt', exempt: { nominalConcurrencyShares: 7, lendablePercent: 1 } }
    assert.equal(planConfigUpdate(stored(exempt, { annotation: 'false', spec }), exempt, 'mandatory'), undefined)
    assert.deepEqual(planConfigUpdate(stored(exempt, { annotation: 'true', spec }), exempt, 'mandatory'), {
      spec: exempt.spec,
      annotation: 'true',
    })
  })
})

describe('the condition Dangling', () => {
  const [schema] = mandatoryFlowSchemas
  if (schema === undefined) return
  const withStatus = (conditions: NonNullable<FlowSchema['status']>['conditions']): FlowSchema => ({
    ...schema,
    status: { conditions: conditions ?? [] },
  })
  const found = {
    type: 'Dangling',
    status: 'False',
    reason: 'Found',
    message: 'This FlowSchema references the PriorityLevelConfiguration object named "exempt" and it exists',
  }

  it('is written where it is missing or says something else', () => {
    assert.deepEqual(planDangling(schema, true), found)
    assert.equal(planDangling(withStatus([found]), true), undefined)
    assert.deepEqual(planDangling(withStatus([found]), false), {
      type: 'Dangling',
      status: 'True',
      reason: 'NotFound',
      message:
        'This FlowSchema references the PriorityLevelConfiguration object named "exempt" but there is no such object',
    })
  })
})
