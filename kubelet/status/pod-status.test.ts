import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, PodStatus } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import type { PodRuntimeState } from '../sync/runtime-state.ts'
import { aContainer, aPod, aSandbox, aState, aStatus, exited } from '../testing.ts'
import { podStatus, type PodStatusRequest } from './pod-status.ts'
import { statusPatch } from './status-patch.ts'

const [a, b] = [aContainer('a'), aContainer('b')]

const statusOf = (pod: BoundPod, state: PodRuntimeState, fields: Partial<PodStatusRequest> = {}): PodStatus =>
  podStatus({
    pod,
    state,
    old: {},
    failures: () => undefined,
    readiness: () => ({ started: true, ready: true }),
    hostIPs: ['172.30.0.11'],
    runtimeName: 'docker',
    nowMs: Date.parse('2026-01-02T03:04:05Z'),
    terminal: false,
    ...fields,
  })

const condition = (status: PodStatus, type: string) => status.conditions?.find((entry) => entry.type === type)

describe('podStatus', () => {
  it('shows every container as waiting before anything is made', () => {
    const status = statusOf(aPod({ containers: [a, b] }), aState([], []))
    assert.equal(status.phase, 'Pending')
    assert.deepEqual(
      status.containerStatuses?.map(({ state }) => state?.waiting?.reason),
      ['ContainerCreating', 'ContainerCreating'],
    )
    assert.equal(condition(status, 'Ready')?.message, 'containers with unready status: [a b]')
  })

  it('names the init containers that are not done', () => {
    const inits = [aContainer('init1'), aContainer('init2')]
    const status = statusOf(aPod({ initContainers: inits, containers: [a] }), aState([]))
    assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
    assert.equal(condition(status, 'Initialized')?.reason, 'ContainersNotInitialized')
    assert.equal(condition(status, 'Initialized')?.message, 'containers with incomplete status: [init1 init2]')
  })

  it('has phases by restart policy', () => {
    const cases = [
      ['Always', [aStatus(a), aStatus(b)], 'Running'],
      ['Always', [exited(a, 0), exited(b, 0)], 'Running'],
      ['Never', [exited(a, 0), exited(b, 0)], 'Succeeded'],
      ['Never', [exited(a, 0), exited(b, 1)], 'Failed'],
      ['Never', [aStatus(a), exited(b, 1)], 'Running'],
      ['OnFailure', [exited(a, 0), exited(b, 1)], 'Running'],
      ['OnFailure', [exited(a, 0), exited(b, 0)], 'Succeeded'],
      ['Never', [aStatus(a)], 'Pending'],
    ] as const
    for (const [restartPolicy, containers, phase] of cases) {
      const status = statusOf(aPod({ containers: [a, b], restartPolicy }), aState(containers))
      assert.equal(status.phase, phase, `${restartPolicy} ${containers.map(({ state }) => state).join()}`)
    }
  })

  it('never leaves an end', () => {
    const status = statusOf(aPod({ containers: [a] }), aState([]), { old: { phase: 'Succeeded' } })
    assert.equal(status.phase, 'Succeeded')
  })

  it('shows why a container is not started again, and how it ended before', () => {
    const pod = aPod({ containers: [a] })
    const status = statusOf(pod, aState([exited(a, 3, { attempt: 2 })]), {
      failures: () => ({ reason: 'CrashLoopBackOff', message: 'back-off 20s' }),
    })
    const [shown] = status.containerStatuses ?? []
    assert.equal(shown?.state?.waiting?.reason, 'CrashLoopBackOff')
    assert.equal(shown?.lastState?.terminated?.exitCode, 3)
    assert.equal(shown?.restartCount, 2)
    assert.equal(status.phase, 'Running')
  })

  it('keeps the transition time of a condition that keeps its status', () => {
    const pod = aPod({ containers: [a] })
    const old = statusOf(pod, aState([aStatus(a)]), { nowMs: 0 })
    const later = statusOf(pod, aState([aStatus(a)]), { old, nowMs: 60_000 })
    assert.equal(condition(later, 'Ready')?.lastTransitionTime, '1970-01-01T00:00:00Z')
    const unready = statusOf(pod, aState([aStatus(a)]), {
      old,
      nowMs: 60_000,
      readiness: () => ({ started: true, ready: false }),
    })
    assert.equal(condition(unready, 'Ready')?.lastTransitionTime, '1970-01-01T00:01:00Z')
  })

  it('waits for readiness gates', () => {
    const pod = aPod({ containers: [a], readinessGates: [{ conditionType: 'example.com/up' }] })
    assert.equal(condition(statusOf(pod, aState([aStatus(a)])), 'Ready')?.reason, 'ReadinessGatesNotReady')
    pod.status = { conditions: [{ type: 'example.com/up', status: 'True' }] }
    assert.equal(condition(statusOf(pod, aState([aStatus(a)])), 'Ready')?.status, 'True')
  })

  it("gives a Pod in the node's network the node's address", () => {
    const status = statusOf(
      aPod({ containers: [a], hostNetwork: true }),
      aState([aStatus(a)], [aSandbox({ network: 'node', ips: [] })]),
    )
    assert.equal(status.podIP, '172.30.0.11')
  })

  it('keeps the address of a Pod that has ended', () => {
    const old = statusOf(aPod({ containers: [a] }), aState([aStatus(a)]))
    const ended = statusOf(
      aPod({ containers: [a] }),
      aState([exited(a, 0)], [aSandbox({ state: 'notReady', ips: [] })]),
      { old, terminal: true },
    )
    assert.equal(ended.podIP, '10.0.0.2')
    assert.equal(ended.phase, 'Succeeded')
  })
})

describe('containers with rules of their own', () => {
  const onCode = {
    restartPolicy: 'Never',
    restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
  }
  const phaseOf = (
    containers: readonly Container[],
    codes: readonly number[],
    restartPolicy: string,
  ): string | undefined =>
    statusOf(
      aPod({ containers: [...containers], restartPolicy }),
      aState(containers.map((container, index) => exited(container, codes[index] ?? 0))),
    ).phase

  it('keep the Pod running where they come back, whatever the Pod says', () => {
    const ruled = { ...a, ...onCode }
    assert.equal(phaseOf([ruled], [42], 'Never'), 'Running')
    assert.equal(phaseOf([ruled], [1], 'Never'), 'Failed')
    assert.equal(phaseOf([ruled], [1], 'Always'), 'Failed')
    assert.equal(phaseOf([ruled, b], [0, 0], 'OnFailure'), 'Succeeded')
    assert.equal(phaseOf([{ ...a, restartPolicy: 'OnFailure' }, b], [1, 0], 'Never'), 'Running')
  })

  it('let an initialization fail for good, or try again', () => {
    const init = (fields: Partial<Container>): string | undefined => {
      const container = { ...aContainer('i'), ...fields }
      const pod = aPod({ initContainers: [container], containers: [a], restartPolicy: 'Never' })
      return statusOf(pod, aState([exited(container, 42)])).phase
    }
    assert.equal(init({}), 'Failed')
    assert.equal(init(onCode), 'Pending')
  })
})

describe('a Pod that the kubelet ends', () => {
  const decided = { reason: 'Evicted', message: 'low on memory', disruption: 'ended by the kubelet' }
  const pod = aPod({ containers: [a] })

  it('has ended when its containers have', () => {
    const ending = statusOf(pod, aState([aStatus(a)]), { decided })
    assert.deepEqual(
      [ending.phase, ending.reason, condition(ending, 'DisruptionTarget')],
      ['Running', undefined, undefined],
    )
    const ended = statusOf(pod, aState([exited(a, 137)]), { decided, terminal: true, old: ending })
    assert.deepEqual([ended.phase, ended.reason, ended.message], ['Failed', 'Evicted', 'low on memory'])
    const { status, reason, message } = condition(ended, 'DisruptionTarget') ?? {}
    assert.deepEqual([status, reason, message], ['True', 'TerminationByKubelet', 'ended by the kubelet'])
  })

  it('takes the place of what somebody else had planned for it, but does not write that anew', () => {
    const theirs = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' } as const
    const drained = { ...pod, status: { conditions: [theirs] } }
    const ended = statusOf(drained, aState([exited(a, 0)]), { decided, terminal: true })
    assert.equal(ended.conditions?.filter(({ type }) => type === 'DisruptionTarget').length, 1)
    const sent = (after: PodStatus): unknown => statusPatch({ conditions: [theirs] }, after)?.['conditions']
    assert.equal((sent({ conditions: [condition(ended, 'DisruptionTarget') ?? theirs] }) as unknown[]).length, 1)
    assert.equal(sent({ conditions: [{ ...theirs, message: 'old' }] }), undefined)
  })
})

describe('statusPatch', () => {
  it('is nothing for equal statuses', () => {
    assert.equal(statusPatch({ phase: 'Running' }, { phase: 'Running' }), undefined)
  })

  it("leaves others' conditions alone and nulls what a condition lost", () => {
    const before: PodStatus = {
      conditions: [
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm' },
        { type: 'example.com/up', status: 'True' },
      ],
    }
    const patch = statusPatch(before, { conditions: [{ type: 'Ready', status: 'True' }] })
    assert.deepEqual(patch, { conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }] })
  })

  it('names an address that is gone', () => {
    const patch = statusPatch({ podIPs: [{ ip: '10.0.0.1' }] }, { podIPs: [{ ip: '10.0.0.2' }] })
    assert.deepEqual(patch, { podIPs: [{ ip: '10.0.0.2' }, { $patch: 'delete', ip: '10.0.0.1' }] })
  })
})
