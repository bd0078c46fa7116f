import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aContainer } from '../testing.ts'
import { withEdits } from '../runtime/docker/cdi-devices.ts'
import type { ContainerConfig } from '../runtime/runtime-service.ts'
import { asCdiSpec, type CdiSpec, editsOf } from './spec.ts'

const specs: CdiSpec[] = [
  { kind: 'a.com/gpu', containerEdits: { env: ['ALL=1'] }, devices: [{ name: '0', containerEdits: { env: ['N=0'] } }] },
  { kind: 'a.com/gpu', devices: [{ name: '1', containerEdits: { env: ['N=1'] } }, { name: '2' }] },
]
const env = (...devices: string[]) => editsOf(specs, devices).flatMap((edits) => edits.env ?? [])

describe('CDI', () => {
  it('finds devices by their qualified names, and what all of a specification share once', () => {
    assert.deepEqual(env('a.com/gpu=0'), ['ALL=1', 'N=0'])
    assert.deepEqual(env('a.com/gpu=0', 'a.com/gpu=1', 'a.com/gpu=0'), ['ALL=1', 'N=0', 'N=1'])
    assert.deepEqual(env('a.com/gpu=2'), [])
  })

  it('names all that it does not find', () => {
    assert.throws(
      () => env('a.com/gpu=7', 'gpu', 'b.com/gpu=0'),
      /unresolvable CDI devices a.com\/gpu=7, gpu, b.com\/gpu=0/,
    )
  })

  it('takes only what is a specification for one', () => {
    assert.equal(asCdiSpec({ kind: 'a.com/gpu' }), undefined)
    assert.equal(asCdiSpec({ kind: 'a.com/gpu', devices: [{}] }), undefined)
    assert.ok(asCdiSpec({ kind: 'a.com/gpu', devices: [{ name: '0' }] }))
  })

  it('becomes variables, devices, mounts and groups of a container', () => {
    const config = {
      name: aContainer('c').name,
      env: [{ name: 'N', value: 'old' }],
      devices: [],
      mounts: [],
      security: { supplementalGroups: [1] },
    } as unknown as ContainerConfig
    const edited = withEdits(config, [
      { env: ['N=a=b'], deviceNodes: [{ path: '/dev/x' }], additionalGids: [0, 44] },
      { mounts: [{ hostPath: '/h', containerPath: '/c', options: ['ro', 'rslave'] }] },
    ])
    assert.deepEqual(edited.env, [{ name: 'N', value: 'a=b' }])
    assert.deepEqual(edited.devices, [{ hostPath: '/dev/x', containerPath: '/dev/x', permissions: 'rw' }])
    assert.deepEqual(edited.security.supplementalGroups, [1, 44])
    assert.equal(edited.mounts[0]?.propagation, 'hostToContainer')
    assert.equal(edited.mounts[0]?.readOnly, true)
    assert.throws(() => withEdits(config, [{ hooks: [{}] }]), /cannot run hooks/)
  })
})
