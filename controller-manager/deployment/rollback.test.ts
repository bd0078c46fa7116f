import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment } from '../../api/types.ts'
import { aDeployment, aReplicaSet } from '../testing/builders.ts'
import { revisionAnnotation } from './revisions.ts'
import { planRollback, rollbackAnnotation } from './rollback.ts'

const wanting = (revision: string): Deployment => {
  const deployment = aDeployment(3)
  const annotations = { [rollbackAnnotation]: revision, why: 'now', [revisionAnnotation]: '3' }
  return { ...deployment, metadata: { ...deployment.metadata, annotations } }
}
/** The Deployment runs v1; two revisions are older. */
const sets = [
  aReplicaSet('v3', 0, 0, { [revisionAnnotation]: '1', why: 'then' }),
  aReplicaSet('v2', 0, 0, { [revisionAnnotation]: '2', why: 'later' }),
  aReplicaSet('v1', 3, 3, { [revisionAnnotation]: '3', why: 'now' }),
]

describe('planRollback', () => {
  it('does nothing unless it is asked', () => {
    assert.equal(planRollback(aDeployment(3), sets), undefined)
    assert.equal(planRollback(wanting('soon'), sets), undefined)
  })

  it('brings back template and annotations of the revision, without the hash', () => {
    const rollback = planRollback(wanting('1'), sets)
    assert.equal(rollback?.event.message, 'Rolled back deployment "web" to revision 1')
    const { metadata, spec } = rollback?.deployment ?? {}
    assert.equal(spec?.template.spec?.containers[0]?.image, 'v3')
    assert.deepEqual(spec?.template.metadata?.labels, { app: 'web' })
    assert.deepEqual(metadata?.annotations, { why: 'then', [revisionAnnotation]: '3' })
  })

  it('takes the one before the newest for 0', () => {
    assert.equal(planRollback(wanting('0'), sets)?.deployment.spec?.template.spec?.containers[0]?.image, 'v2')
  })

  it('drops the wish where it cannot be granted, and says why', () => {
    const cases = [
      ['9', sets, 'DeploymentRollbackRevisionNotFound'],
      ['0', sets.slice(2), 'DeploymentRollbackRevisionNotFound'],
      ['3', sets, 'DeploymentRollbackTemplateUnchanged'],
    ] as const
    for (const [revision, present, reason] of cases) {
      const rollback = planRollback(wanting(revision), present)
      assert.equal(rollback?.event.reason, reason)
      assert.equal(rollback?.deployment.metadata?.annotations?.[rollbackAnnotation], undefined)
      assert.equal(rollback?.deployment.spec?.template.spec?.containers[0]?.image, 'v1')
    }
  })
})
