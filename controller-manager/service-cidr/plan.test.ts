import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IPAddress, ServiceCIDR } from '../../api/types.ts'
import { concernedByAddress, concernedByCidr, finalizer, planServiceCidr } from './plan.ts'

const now = Date.parse('2026-01-01T00:01:00Z')

const aCidr = (name: string, cidrs: string[], deletedSecondsAgo?: number): ServiceCIDR => ({
  metadata: {
    name,
    finalizers: [finalizer],
    ...(deletedSecondsAgo === undefined
      ? {}
      : { deletionTimestamp: new Date(now - deletedSecondsAgo * 1000).toISOString() }),
  },
  spec: { cidrs },
})

const spec: IPAddress['spec'] = { parentRef: { resource: 'services', namespace: 'default', name: 'web' } }
const anAddress = (name: string): IPAddress => ({
  spec,
  metadata: {
    name,
    labels: {
      'ipaddress.kubernetes.io/ip-family': name.includes(':') ? 'IPv6' : 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    },
  },
})

const main = aCidr('kubernetes', ['10.0.0.0/16', 'fd00::/108'])
const foreign: IPAddress = {
  spec,
  metadata: { name: '10.9.0.7', labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4' } },
}

describe('a ServiceCIDR', () => {
  it('gets its finalizer and becomes ready', () => {
    const fresh: ServiceCIDR = { metadata: { name: 'a' }, spec: { cidrs: ['10.9.0.0/24'] } }
    const plan = planServiceCidr(fresh, [fresh], [], now)
    assert.equal(plan.type === 'serve' && plan.lacksFinalizer, true)
    assert.equal(plan.type === 'serve' && plan.condition.status, 'True')
  })

  const deletions: readonly (readonly [string, ServiceCIDR, readonly ServiceCIDR[], readonly IPAddress[], string])[] = [
    ['goes after the grace time', aCidr('a', ['10.9.0.0/24'], 11), [], [], 'let-go'],
    ['waits for the grace time', aCidr('a', ['10.9.0.0/24'], 4), [], [], 'wait'],
    ['stays for an address of its own', aCidr('a', ['10.9.0.0/24'], 60), [], [anAddress('10.9.0.7')], 'hold'],
    [
      'stays for the address of its second range',
      aCidr('a', ['10.9.0.0/24', 'fd01::/112'], 60),
      [],
      [anAddress('fd01::7')],
      'hold',
    ],
    [
      'does not stay for others',
      aCidr('a', ['10.9.0.0/24'], 60),
      [],
      [anAddress('10.8.0.7'), anAddress('fd01::7'), foreign],
      'let-go',
    ],
    [
      'goes if another holds the address',
      aCidr('a', ['10.9.0.0/24'], 60),
      [aCidr('b', ['10.9.0.0/28'])],
      [anAddress('10.9.0.7')],
      'let-go',
    ],
    [
      'stays if the other does not reach so far',
      aCidr('a', ['10.9.0.0/24'], 60),
      [aCidr('b', ['10.9.0.0/28'])],
      [anAddress('10.9.0.77')],
      'hold',
    ],
    [
      'goes if a larger one has all of it',
      aCidr('a', ['10.9.0.0/24'], 60),
      [aCidr('b', ['10.9.0.0/16'])],
      [anAddress('10.9.0.77')],
      'let-go',
    ],
    [
      'goes if another is the same',
      aCidr('a', ['10.9.0.0/24'], 60),
      [aCidr('b', ['10.9.0.0/24'])],
      [anAddress('10.9.0.77')],
      'let-go',
    ],
    [
      'stays for what is the broadcast address of the other',
      aCidr('a', ['10.9.0.0/24'], 60),
      [aCidr('b', ['10.9.0.0/28'])],
      [anAddress('10.9.0.15')],
      'hold',
    ],
  ]
  for (const [what, cidr, others, addresses, expected] of deletions) {
    it(what, () => assert.equal(planServiceCidr(cidr, [main, cidr, ...others], addresses, now).type, expected))
  }

  it('concerns those that share addresses with it', () => {
    const all = [
      main,
      aCidr('inside', ['10.0.9.0/24']),
      aCidr('around', ['10.0.0.0/8']),
      aCidr('apart', ['11.0.0.0/8']),
    ]
    assert.deepEqual(concernedByCidr(main, all).sort(), ['around', 'inside', 'kubernetes'])
    assert.deepEqual(concernedByAddress(anAddress('10.0.9.7'), all).sort(), ['around', 'inside', 'kubernetes'])
    assert.deepEqual(concernedByAddress(anAddress('10.0.9.255'), all).sort(), ['around', 'kubernetes'])
    assert.deepEqual(concernedByAddress(foreign, all), [])
  })
})
