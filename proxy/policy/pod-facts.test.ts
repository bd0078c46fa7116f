import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { factsOf, trimPod } from './pod-facts.ts'
import { parseCachedResult } from './sandboxes.ts'

const pod = (changes: { metadata?: object; spec?: object; status?: object } = {}): Pod => ({
  metadata: { namespace: 'ns', name: 'p', uid: 'u', labels: { app: 'web' }, ...changes.metadata },
  spec: {
    nodeName: 'here',
    containers: [
      {
        name: 'main',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { containerPort: 9090 },
        ],
      },
    ],
    initContainers: [
      { name: 'once', ports: [{ name: 'no', containerPort: 1 }] },
      { name: 'sidecar', restartPolicy: 'Always', ports: [{ name: 'metrics', containerPort: 9100 }] },
    ],
    ...changes.spec,
  },
  status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ...changes.status },
})

const none = new Map<string, string[]>()

describe('the facts of a Pod', () => {
  it('are its addresses, its labels and the ports that have names', () => {
    const facts = factsOf(pod(), 'here', none)
    assert.deepEqual(facts?.ips, ['10.0.0.1', 'fd00::1'])
    assert.equal(facts?.isLocal, true)
    assert.deepEqual(Object.fromEntries(facts?.ports ?? []), { 'tcp http': 8080, 'udp dns': 53, 'tcp metrics': 9100 })
  })

  it('are the same for what the cache keeps of it', () => {
    assert.deepEqual(factsOf(trimPod(pod()), 'here', none), factsOf(pod(), 'here', none))
  })

  const without: readonly (readonly [what: string, changes: object])[] = [
    ['is on the network of its host', { spec: { hostNetwork: true } }],
    ['succeeded', { status: { phase: 'Succeeded' } }],
    ['failed', { status: { phase: 'Failed' } }],
    ['has no address yet', { status: { podIP: undefined, podIPs: undefined } }],
  ]
  for (const [what, changes] of without) {
    it(`are none if it ${what}`, () => assert.equal(factsOf(pod(changes), 'here', none), undefined))
  }

  it('have the address that the network plugin gave it on this node, before its status tells', () => {
    const starting = pod({ status: { phase: 'Pending', podIP: undefined, podIPs: undefined } })
    const sandboxes = new Map([['u', ['10.0.0.9']]])
    assert.deepEqual(factsOf(starting, 'here', sandboxes)?.ips, ['10.0.0.9'])
    assert.equal(factsOf(starting, 'elsewhere', sandboxes), undefined)
    const mirror = pod({ metadata: { uid: 'other', annotations: { 'kubernetes.io/config.mirror': 'u' } } })
    assert.deepEqual(factsOf(trimPod(mirror), 'here', sandboxes)?.ips, ['10.0.0.9'], 'a static Pod')
  })
})

describe('a cached result of CNI', () => {
  const entry = {
    kind: 'cniCacheV1',
    cniArgs: [
      ['IgnoreUnknown', '1'],
      ['K8S_POD_UID', 'u'],
    ],
    result: { cniVersion: '1.0.0', ips: [{ address: '10.0.0.9/24', gateway: '10.0.0.1' }, { address: 'fd00::9/64' }] },
  }
  it('tells whose addresses it has', () => {
    assert.deepEqual(parseCachedResult(JSON.stringify(entry)), { podUid: 'u', ips: ['10.0.0.9', 'fd00::9'] })
  })
  it('tells nothing before the plugins answered, in part or for somebody else', () => {
    const { result: _, ...unanswered } = entry
    assert.equal(parseCachedResult(JSON.stringify(unanswered)), undefined)
    assert.equal(parseCachedResult(JSON.stringify(entry).slice(0, -5)), undefined)
    assert.equal(parseCachedResult(JSON.stringify({ ...entry, cniArgs: [] })), undefined)
    assert.equal(parseCachedResult(JSON.stringify({ ...entry, ifName: 'lo' })), undefined)
    assert.equal(parseCachedResult('null'), undefined)
  })
})
