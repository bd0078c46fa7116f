import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { aPod } from '../testing/builders.ts'
import { conflictMessage, conflictsOf, mountLabels, useOf } from './plan.ts'

const labelled = (name: string, level: string, policy?: string, namespace = 'default'): Pod => {
  const base = aPod(name, { metadata: { namespace } })
  return {
    ...base,
    spec: {
      containers: [{ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      securityContext: {
        seLinuxOptions: { level },
        ...(policy === undefined ? {} : { seLinuxChangePolicy: policy }),
      },
    },
  }
}
const use = (pod: Pod, canMount = true) => useOf(pod, mountLabels(pod, 'v'), canMount)

describe('conflictsOf', () => {
  it('tells both Pods of labels that differ', () => {
    const conflicts = conflictsOf(use(labelled('a', 's0:c1,c2')), [use(labelled('b', 's0:c98,c99'))])
    assert.deepEqual(
      conflicts.map(({ pod, property }) => [pod.metadata?.name, property]),
      [
        ['a', 'SELinuxLabel'],
        ['b', 'SELinuxLabel'],
      ],
    )
    assert.equal(
      conflicts[0] && conflictMessage(conflicts[0]),
      'SELinuxLabel ":::s0:c1,c2" conflicts with pod b that uses the same volume as this pod with SELinuxLabel ":::s0:c98,c99". If both pods land on the same node, only one of them may access the volume.',
    )
  })

  it('tells nobody of another namespace its names', () => {
    const [conflict] = conflictsOf(use(labelled('a', 's0:c1')), [use(labelled('b', 's0:c2', undefined, 'other'))])
    assert.ok(conflict && !conflictMessage(conflict).includes('pod b'))
  })

  it('sees another policy as a conflict of its own', () => {
    const conflicts = conflictsOf(use(labelled('a', 's0:c1')), [use(labelled('b', 's0:c1', 'Recursive'))])
    assert.deepEqual(
      conflicts.map(({ property, value }) => [property, value]),
      [
        ['SELinuxChangePolicy', 'MountOption'],
        ['SELinuxChangePolicy', 'Recursive'],
      ],
    )
  })

  it('sees none where the volume is not mounted with a label, or a label is left open', () => {
    assert.deepEqual(conflictsOf(use(labelled('a', 's0:c1'), false), [use(labelled('b', 's0:c2'), false)]), [])
    assert.deepEqual(conflictsOf(use(labelled('a', 's0:c1')), [use(labelled('b', 's0:c1'))]), [])
  })
})
