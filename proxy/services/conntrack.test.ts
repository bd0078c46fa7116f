import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseFlows, staleFlows } from './conntrack.ts'
import type { ServicePort } from './service-port.ts'

const listing = `udp      17 29 src=10.0.0.1 dst=10.96.0.10 sport=1234 dport=53 [UNREPLIED] src=10.244.0.3 dst=10.0.0.1 sport=5353 dport=1234 mark=0 use=1
udp      17 29 src=fd00::1 dst=fd00::10 sport=1234 dport=53 src=fd01::3 dst=fd00::1 sport=53 dport=1234 mark=0 use=1

conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.`

const port = (more: Partial<ServicePort>): ServicePort => ({
  service: 'default/dns',
  portName: '',
  protocol: 'udp',
  port: 53,
  clusterIP: '10.96.0.10',
  externalIPs: ['1.2.3.4'],
  loadBalancerIPs: [],
  sourceRanges: [],
  nodePort: 30053,
  internalPolicyLocal: false,
  externalPolicyLocal: false,
  affinitySeconds: 0,
  serving: ['10.244.0.3:5353'],
  clusterEndpoints: [],
  localEndpoints: [],
  hasEndpoints: true,
  ...more,
})
const flow = (destination: string, toPort: number, replySource: string, replyPort = 5353) => ({
  destination,
  port: toPort,
  replySource,
  replyPort,
})

describe('flows of UDP', () => {
  it('are read from what conntrack prints', () => {
    assert.deepEqual(parseFlows(listing), [flow('10.96.0.10', 53, '10.244.0.3'), flow('fd00::10', 53, 'fd01::3', 53)])
  })

  it('are stale where no endpoint of their Service answers them', () => {
    const cases: [ReturnType<typeof flow>, boolean][] = [
      [flow('10.96.0.10', 53, '10.244.0.3'), false],
      [flow('10.96.0.10', 53, '10.244.0.9'), true],
      [flow('10.96.0.10', 53, '10.244.0.3', 54), true],
      // Nobody was there when it began.
      [flow('10.96.0.10', 53, '10.96.0.10', 53), true],
      [flow('1.2.3.4', 53, '10.244.0.9'), true],
      [flow('172.30.0.11', 30053, '10.244.0.9'), true],
      [flow('172.30.0.11', 30053, '10.244.0.3'), false],
      [flow('8.8.8.8', 53, '8.8.8.8', 53), false],
      [flow('10.96.0.10', 54, '10.96.0.10', 54), false],
    ]
    for (const [one, isStale] of cases)
      assert.equal(staleFlows([one], [port({})]).length, Number(isStale), JSON.stringify(one))
  })

  it('leave TCP alone', () => {
    assert.deepEqual(staleFlows([flow('10.96.0.10', 53, '10.244.0.9')], [port({ protocol: 'tcp' })]), [])
  })
})
