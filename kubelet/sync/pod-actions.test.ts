import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aContainer, aPod, aSandbox, aState, aStatus, exited } from '../testing.ts'
import { computePodActions, type PodActions, type ProbeOutcome } from './pod-actions.ts'

const noProbes: ProbeOutcome = () => undefined
const started = ({ toStart }: PodActions): string[] => toStart.map(({ container }) => container.name)
const killed = ({ toKill }: PodActions): string[] => toKill.map(({ id }) => id)

const [a, b] = [aContainer('a'), aContainer('b')]
const init = [aContainer('i1'), aContainer('i2')]
const sidecar = aContainer('s', { restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } })

describe('computePodActions', () => {
  it('makes a sandbox and starts everything of a new Pod', () => {
    const actions = computePodActions(aPod({ containers: [a, b] }), aState([], []), noProbes)
    assert.equal(actions.createSandbox, true)
    assert.equal(actions.attempt, 0)
    assert.deepEqual(started(actions), ['a', 'b'])
  })

  it('begins with the first init container alone', () => {
    const actions = computePodActions(aPod({ initContainers: init, containers: [a] }), aState([], []), noProbes)
    assert.deepEqual(started(actions), ['i1'])
  })

  it('goes on to the next init container, and to the regular ones after the last', () => {
    const pod = aPod({ initContainers: init, containers: [a, b] })
    const [i1, i2] = init
    assert.ok(i1 && i2)
    assert.deepEqual(started(computePodActions(pod, aState([aStatus(i1)]), noProbes)), [])
    assert.deepEqual(started(computePodActions(pod, aState([exited(i1, 0)]), noProbes)), ['i2'])
    assert.deepEqual(started(computePodActions(pod, aState([exited(i2, 0), exited(i1, 0)]), noProbes)), ['a', 'b'])
  })

  it('repeats a failed init container, or gives the Pod up where nothing restarts', () => {
    const [i1] = init
    assert.ok(i1)
    const failed = aState([exited(i1, 1)])
    assert.deepEqual(started(computePodActions(aPod({ initContainers: init }), failed, noProbes)), ['i1'])
    const never = computePodActions(aPod({ initContainers: init, restartPolicy: 'Never' }), failed, noProbes)
    assert.equal(never.killPod, true)
    assert.deepEqual(started(never), [])
  })

  it('waits for the startup probe of a sidecar before it goes on', () => {
    const pod = aPod({ initContainers: [sidecar], containers: [a] })
    const state = aState([aStatus(sidecar)])
    assert.deepEqual(started(computePodActions(pod, state, noProbes)), [])
    assert.deepEqual(started(computePodActions(pod, state, () => 'success')), ['a'])
  })

  it('starts a sidecar again whatever the policy, while the Pod works', () => {
    const pod = aPod({ initContainers: [sidecar], containers: [a], restartPolicy: 'Never' })
    const actions = computePodActions(pod, aState([aStatus(a), exited(sidecar, 0)]), noProbes)
    assert.deepEqual(started(actions), ['s'])
    assert.equal(actions.killPod, false)
  })

  it('ends the sidecars with the last regular container', () => {
    const pod = aPod({ initContainers: [sidecar], containers: [a], restartPolicy: 'Never' })
    const actions = computePodActions(pod, aState([exited(a, 0), aStatus(sidecar)]), noProbes)
    assert.equal(actions.killPod, true)
    assert.deepEqual(started(actions), [])
  })

  it('follows the restart policy', () => {
    const policies = [
      ['Always', 0, true],
      ['Always', 1, true],
      ['OnFailure', 0, false],
      ['OnFailure', 1, true],
      ['Never', 1, false],
    ] as const
    for (const [restartPolicy, code, restarts] of policies) {
      const actions = computePodActions(
        aPod({ containers: [a, b], restartPolicy }),
        aState([exited(a, code), aStatus(b)]),
        noProbes,
      )
      assert.deepEqual(started(actions), restarts ? ['a'] : [], `${restartPolicy} ${code}`)
      assert.equal(actions.killPod, false)
    }
  })

  it("lets a container's own rules decide first", () => {
    const ruled = aContainer('a', {
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
    })
    const pod = aPod({ containers: [ruled, b], restartPolicy: 'Never' })
    assert.deepEqual(started(computePodActions(pod, aState([exited(ruled, 42), aStatus(b)]), noProbes)), ['a'])
    assert.deepEqual(started(computePodActions(pod, aState([exited(ruled, 1), aStatus(b)]), noProbes)), [])
  })

  it('replaces a container whose image changed and keeps its neighbour', () => {
    const pod = aPod({ containers: [aContainer('a', { image: 'web:2' }), b] })
    const actions = computePodActions(pod, aState([aStatus(a), aStatus(b)]), noProbes)
    assert.deepEqual(killed(actions), ['a-0'])
    assert.deepEqual(started(actions), ['a'])
    assert.equal(actions.toKill[0]?.message, 'Container a definition changed, will be restarted')
  })

  it('kills a container that is not alive, and restarts it unless nothing restarts', () => {
    const dead: ProbeOutcome = (probe, id) => (probe === 'liveness' && id === 'a-0' ? 'failure' : undefined)
    const state = aState([aStatus(a), aStatus(b)])
    assert.deepEqual(started(computePodActions(aPod({ containers: [a, b] }), state, dead)), ['a'])
    const never = computePodActions(aPod({ containers: [a, b], restartPolicy: 'Never' }), state, dead)
    assert.deepEqual(killed(never), ['a-0'])
    assert.deepEqual(started(never), [])
  })

  it('makes a new sandbox when the old one died, with the next number', () => {
    const gone = aState([aStatus(a)], [aSandbox({ state: 'notReady' })])
    const actions = computePodActions(aPod({ containers: [a] }), gone, noProbes)
    assert.deepEqual([actions.killPod, actions.createSandbox, actions.attempt], [true, true, 1])
    const never = computePodActions(aPod({ containers: [a], restartPolicy: 'Never' }), gone, noProbes)
    assert.deepEqual([never.killPod, never.createSandbox], [true, false])
  })

  it('makes no new sandbox for work that is done', () => {
    const done = aState([exited(a, 0)], [aSandbox({ state: 'notReady' })])
    assert.equal(
      computePodActions(aPod({ containers: [a], restartPolicy: 'OnFailure' }), done, noProbes).createSandbox,
      false,
    )
  })

  it('starts an ephemeral container once', () => {
    const pod = aPod({ containers: [a], ephemeralContainers: [{ name: 'debug', image: 'tools' }] })
    assert.deepEqual(started(computePodActions(pod, aState([aStatus(a)]), noProbes)), ['debug'])
    const ended = aState([exited(aContainer('debug', { image: 'tools' }), 0), aStatus(a)])
    assert.deepEqual(started(computePodActions(pod, ended, noProbes)), [])
  })
})
