import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, ResourceRequirements } from '../../api/types.ts'
import { cgroupSettings } from '../container/resources.ts'
import { computePodActions } from '../sync/pod-actions.ts'
import { aContainer, aPod, aState, aStatus } from '../testing.ts'
import { actualResources, resizeAction } from './actuation.ts'

const limited = (cpu: string, memory: string, fields: Partial<Container> = {}): Container =>
  aContainer('c', { resources: { requests: { cpu, memory }, limits: { cpu, memory } }, ...fields })

const onCpu = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }
const onMemory = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }

describe('a running container', () => {
  const before = aStatus(limited('100m', '64Mi'))
  const cases: [string, Container, string][] = [
    ['has what it was given', limited('100m', '64Mi'), 'none'],
    ['gets more cpu', limited('200m', '64Mi'), 'update'],
    ['gets less memory', limited('100m', '32Mi'), 'update'],
    ['is started anew where its policy for cpu says so', limited('200m', '64Mi', onCpu), 'restart'],
    ['is not where only memory changes', limited('100m', '96Mi', onCpu), 'update'],
    ['is started anew for memory', limited('100m', '96Mi', onMemory), 'restart'],
    [
      'knows nothing of a request for memory',
      aContainer('c', {
        resources: { requests: { cpu: '100m', memory: '1Mi' }, limits: { cpu: '100m', memory: '64Mi' } },
      }),
      'none',
    ],
  ]
  for (const [name, container, action] of cases) {
    it(name, () => assert.equal(resizeAction(container, before), action))
  }

  it('is left alone by an engine that does not tell what it has', () => {
    assert.equal(resizeAction(limited('1', '1Gi'), { ...before, resources: undefined }), 'none')
  })

  it('takes amounts below the least that a cgroup can hold as that', () => {
    const tiny = aStatus(limited('1m', '64Mi'))
    assert.equal(resizeAction(limited('2m', '64Mi'), tiny), 'none')
  })
})

describe('computePodActions', () => {
  const of = (name: string, cpu: string): Container => ({ ...limited(cpu, '64Mi'), name })

  it('resizes what runs, those that get less first', () => {
    const pod = aPod({ containers: [of('a', '300m'), of('b', '100m')] })
    const state = aState([aStatus(of('a', '100m')), aStatus(of('b', '300m'))])
    const { toResize, toKill, toStart } = computePodActions(pod, state, () => undefined)
    assert.deepEqual(
      toResize.map(({ container }) => container.name),
      ['b', 'a'],
    )
    assert.deepEqual([toKill.length, toStart.length], [0, 0])
  })

  it('kills and starts where the policy says so, in words of its own', () => {
    const pod = aPod({ containers: [limited('2', '64Mi', onCpu)] })
    const { toResize, toKill, toStart } = computePodActions(
      pod,
      aState([aStatus(limited('1', '64Mi'))]),
      () => undefined,
    )
    assert.deepEqual(
      toKill.map(({ message }) => message),
      ['Container c resize requires restart'],
    )
    assert.equal(toStart.length, 1)
    assert.deepEqual(toResize, [])
  })
})

describe('resources in the status', () => {
  const asked: ResourceRequirements = { requests: { cpu: '3m', memory: '64Mi' }, limits: { cpu: '5m', memory: '64Mi' } }

  it('are as they were asked for where the settings are those', () => {
    assert.deepEqual(actualResources(asked, cgroupSettings(aContainer('c', { resources: asked }))), asked)
  })

  it('are as they are where they are not', () => {
    const now = cgroupSettings(limited('100m', '128Mi'))
    assert.deepEqual(actualResources(asked, now), {
      requests: { cpu: '100m', memory: '64Mi' },
      limits: { cpu: '100m', memory: '128Mi' },
    })
  })
})
