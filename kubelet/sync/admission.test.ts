import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodSpec } from '../../api/types.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { BoundPod } from '../pod.ts'
import { aContainer, aPod } from '../testing.ts'
import { type HostPolicy, judgePod } from './admission.ts'
import type { Decision } from './pod-syncer.ts'
import { createSysctlAdmission } from './sysctls.ts'

const host = (fields: Partial<HostPolicy> = {}): HostPolicy => ({
  admitSysctls: createSysctlAdmission([]),
  appArmorProfiles: () => undefined,
  features: { handlers: [], userNamespaces: false, recursiveReadOnlyMounts: false, supplementalGroupsPolicy: false },
  pressure: () => [],
  shuttingDown: () => false,
  ...fields,
})

/** On a node that nobody knows more of. */
const decisionOn = (pod: BoundPod, policy: HostPolicy): Decision | undefined => {
  const admission = judgePod(pod, undefined, [], policy)
  return admission.type === 'admitted' ? undefined : admission.decision
}

describe('sysctls', () => {
  const refusal = (name: string, unsafe: readonly string[] = [], spec: Partial<PodSpec> = {}): string | undefined =>
    createSysctlAdmission(unsafe)(aPod({ ...spec, securityContext: { sysctls: [{ name, value: '1' }] } }))

  it('are let in where they are safe, spelt with dots or slashes', () => {
    assert.equal(refusal('net.ipv4.tcp_syncookies'), undefined)
    assert.equal(refusal('net/ipv4/tcp_syncookies'), undefined)
  })

  it('are refused where they are not', () => {
    assert.equal(refusal('kernel.msgmax'), 'forbidden sysctl: "kernel.msgmax" not allowlisted')
    assert.equal(refusal('vm/swappiness'), 'forbidden sysctl: "vm.swappiness" not allowlisted')
  })

  it('are let in by name and by prefix of the configuration', () => {
    assert.equal(refusal('kernel.msgmax', ['kernel.msg*']), undefined)
    assert.equal(refusal('net.ipv4.conf.eth0/1.forwarding', ['net/ipv4/conf/*']), undefined)
    assert.equal(refusal('kernel.sem', ['kernel.msg*']), 'forbidden sysctl: "kernel.sem" not allowlisted')
  })

  it('are refused where the Pod shares their namespace with the node', () => {
    const why = (name: string, kind: string): string =>
      `forbidden sysctl: "${name}" not allowed with host ${kind} enabled`
    const net = 'net.ipv4.tcp_syncookies'
    assert.equal(refusal(net, [], { hostNetwork: true }), why(net, 'net'))
    assert.equal(refusal('kernel.sem', ['kernel.sem'], { hostIPC: true }), why('kernel.sem', 'ipc'))
    assert.equal(refusal(net, [], { hostIPC: true }), undefined)
  })

  it('of the whole machine cannot be allowed', () => {
    assert.throws(() => createSysctlAdmission(['vm.swappiness']), UsageError)
    assert.throws(() => createSysctlAdmission(['kernel.*']), /the sysctls "kernel.\*" are not known to be namespaced/)
    assert.throws(() => createSysctlAdmission(['Net.x']), /is no name and no pattern/)
  })
})

describe('what the node does not have', () => {
  const decide = (spec: Partial<PodSpec>, fields?: Partial<HostPolicy>): string | undefined => {
    const decision = decisionOn(aPod(spec), host(fields))
    return decision && `${decision.reason}: ${decision.message}`
  }

  it('is told: AppArmor, and profiles that are not loaded', () => {
    const asks = (type: string, localhostProfile?: string): Partial<PodSpec> => {
      const appArmorProfile = { type, ...(localhostProfile === undefined ? {} : { localhostProfile }) }
      return { containers: [aContainer('c', { securityContext: { appArmorProfile } })] }
    }
    const off = 'AppArmor: Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host'
    assert.equal(decide(asks('RuntimeDefault')), off)
    assert.equal(decide(asks('Unconfined')), undefined)
    const appArmorProfiles = (): Set<string> => new Set(['mine'])
    assert.equal(decide(asks('RuntimeDefault'), { appArmorProfiles }), undefined)
    assert.equal(decide(asks('Localhost', 'mine'), { appArmorProfiles }), undefined)
    assert.equal(
      decide(asks('Localhost', 'other'), { appArmorProfiles }),
      'AppArmor: Pod was rejected: Cannot enforce AppArmor: profile "other" is not loaded',
    )
  })

  it('is told: a strict policy of groups, and another system', () => {
    assert.equal(
      decide({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
      'SupplementalGroupsPolicyNotSupported: Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node',
    )
    assert.equal(decide({ securityContext: { supplementalGroupsPolicy: 'Merge' } }), undefined)
    assert.match(decide({ os: { name: 'windows' } }) ?? '', /^PodOSNotSupported: /)
  })
})

describe('a node under pressure', () => {
  const burstable: Partial<PodSpec> = { containers: [aContainer('c', { resources: { requests: { memory: '1Mi' } } })] }
  const tolerant: Partial<PodSpec> = {
    tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }],
  }
  const message = (spec: Partial<PodSpec>, ...conditions: ReturnType<HostPolicy['pressure']>): string | undefined =>
    decisionOn(aPod(spec), host({ pressure: () => conditions }))?.message

  it('of memory lets in who says what he needs, or tolerates it', () => {
    assert.equal(message({}, 'MemoryPressure'), 'Pod was rejected: The node had condition: [MemoryPressure]. ')
    assert.equal(message(burstable, 'MemoryPressure'), undefined)
    assert.equal(message(tolerant, 'MemoryPressure'), undefined)
  })

  it('of a disk or of processes lets in nobody but critical Pods', () => {
    for (const spec of [burstable, tolerant]) {
      assert.equal(message(spec, 'DiskPressure'), 'Pod was rejected: The node had condition: [DiskPressure]. ')
      assert.match(message(spec, 'MemoryPressure', 'PIDPressure') ?? '', /\[MemoryPressure PIDPressure\]/)
    }
    assert.equal(message({ priority: 2_000_000_000 }, 'DiskPressure', 'PIDPressure'), undefined)
  })
})

it('a node that is shutting down lets nobody in', () => {
  const decision = decisionOn(aPod(), host({ shuttingDown: () => true }))
  assert.deepEqual(decision, {
    reason: 'NodeShutdown',
    message: 'Pod was rejected: Pod was rejected as the node is shutting down.',
  })
})
