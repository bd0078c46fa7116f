import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '../../api/types.ts'
import { type Leaks, planNodePorts, type PortPlan } from './node-port-plan.ts'

type Ports = NonNullable<NonNullable<Service['spec']>['ports']>

const aService = (name: string, ports: Ports, healthCheckNodePort?: number): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'NodePort', ports, ...(healthCheckNodePort === undefined ? {} : { healthCheckNodePort }) },
})
const range = { contains: (port: number) => port >= 30000 && port <= 32767, rangeText: '30000-32767' }
const plan = (stored: number[], services: Service[], leaks: Leaks = new Map()): PortPlan =>
  planNodePorts(new Set(stored), services, leaks, range)
const messages = ({ warnings }: PortPlan): string[] => warnings.map(({ reason, message }) => `${reason}: ${message}`)

describe('the ports that should be marked as used', () => {
  it('are those of Services, and the ones that were forgotten are told', () => {
    const result = plan(
      [30001],
      [aService('a', [{ port: 80, nodePort: 30001 }]), aService('b', [{ port: 80, nodePort: 30002 }])],
    )
    assert.deepEqual(result.used, new Set([30001, 30002]))
    assert.deepEqual(messages(result), ['PortNotAllocated: Port 30002 is not allocated; repairing'])
  })

  it('are shared by protocols of one Service, and by nobody else', () => {
    const shared: Ports = [
      { port: 53, protocol: 'TCP', nodePort: 30053 },
      { port: 53, protocol: 'UDP', nodePort: 30053 },
    ]
    assert.deepEqual(messages(plan([30053], [aService('dns', shared)])), [])
    const twice = plan([30053], [aService('dns', shared), aService('other', [{ port: 80, nodePort: 30053 }])])
    assert.deepEqual(messages(twice), [
      'PortAlreadyAllocated: Port 30053 was assigned to multiple services; please recreate service',
    ])
    assert.equal(twice.warnings[0]?.object.metadata?.name, 'other')
  })

  it('lie in the range', () => {
    const result = plan([], [aService('a', [{ port: 80, nodePort: 20000 }])])
    assert.equal(result.used.size, 0)
    assert.deepEqual(messages(result), [
      'PortOutOfRange: Port 20000 is not within the port range 30000-32767; please recreate service',
    ])
  })

  it('include that of health checks', () => {
    assert.deepEqual(
      [...plan([30001, 30002], [aService('a', [{ port: 80, nodePort: 30001 }], 30002)]).used],
      [30001, 30002],
    )
  })

  it('let go of a leaked one in the third round', () => {
    const rounds: boolean[] = []
    let leaks: Leaks = new Map()
    let stored = [30007]
    for (let round = 0; round < 3; round++) {
      const result = plan(stored, [], leaks)
      rounds.push(result.used.has(30007))
      ;({ leaks } = result)
      stored = [...result.used]
    }
    assert.deepEqual(rounds, [true, true, false])
    assert.equal(leaks.size, 0)
  })

  it('forget the suspicion when the Service comes', () => {
    const { leaks } = plan([30007], [])
    const result = plan([30007], [aService('late', [{ port: 80, nodePort: 30007 }])], leaks)
    assert.equal(result.leaks.size, 0)
    assert.deepEqual([...result.used], [30007])
  })
})
