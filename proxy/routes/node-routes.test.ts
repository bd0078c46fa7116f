import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../api/types.ts'
import { planRoutes } from './node-routes.ts'

const node = (name: string, index: number, addresses: readonly string[]): Node => ({
  metadata: { name },
  spec: { podCIDR: `10.244.${index}.0/24`, podCIDRs: [`10.244.${index}.0/24`, `fd00:244:${index}::/64`] },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
})
const nodes = [
  node('here', 0, ['172.30.0.11', 'fd00:30::11']),
  node('near', 1, ['172.30.0.12', 'fd00:30::12']),
  node('far', 2, ['172.31.0.12', 'fd00:31::12']),
  node('new', 3, []),
]
const networks = ['172.30.0.11/24', 'fd00:30::11/64']
const plan = (mode: 'auto' | 'always' | 'never') =>
  planRoutes(nodes, { self: 'here', networks, mode }).map(({ range, gateway, tunnel }) => [
    range,
    gateway,
    tunnel?.remote,
  ])

describe('routes to the Pods of other nodes', () => {
  it('go straight to neighbours, and to others in a tunnel', () => {
    assert.deepEqual(plan('auto'), [
      ['10.244.1.0/24', '172.30.0.12', undefined],
      ['fd00:244:1::/64', 'fd00:30::12', undefined],
      ['10.244.2.0/24', '10.244.2.0', '172.31.0.12'],
      ['fd00:244:2::/64', 'fd00:244:2::', '172.31.0.12'],
    ])
  })

  it('go by tunnels alone, or never, where that is asked for', () => {
    assert.deepEqual(
      plan('always').map(([, , remote]) => remote),
      ['172.30.0.12', '172.30.0.12', '172.31.0.12', '172.31.0.12'],
    )
    assert.deepEqual(
      plan('never').map(([, gateway]) => gateway),
      ['172.30.0.12', 'fd00:30::12', '172.31.0.12', 'fd00:31::12'],
    )
  })

  it('have an end that every node computes alike', () => {
    const end = (self: string) =>
      planRoutes(nodes, { self, networks: [], mode: 'always' }).find(({ range }) => range === '10.244.2.0/24')?.tunnel
    assert.deepEqual(end('here'), end('near'))
    assert.match(end('here')?.mac ?? '', /^0e(:[0-9a-f]{2}){5}$/)
  })
})
