import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetworkInterfaceInfo } from 'node:os'
import type { Node } from '../api/types.ts'
import { withDefaults } from './config/configuration.ts'
import { localTrafficOf, nodeIPOf, nodePortAddressesOf } from './node-settings.ts'
import { egressCommands } from './routes/egress.ts'

const node: Node = {
  spec: { podCIDRs: ['10.244.1.0/24', 'fd00:244:1::/64'] },
  status: {
    addresses: [
      { type: 'Hostname', address: 'n' },
      { type: 'InternalIP', address: '172.30.0.11' },
      { type: 'InternalIP', address: 'fd00:30::11' },
    ],
  },
}
const info = (address: string, internal = false): NetworkInterfaceInfo =>
  ({ address, internal, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as NetworkInterfaceInfo
const interfaces = {
  lo: [info('127.0.0.1', true), info('::1', true)],
  eth0: [info('172.30.0.11'), info('fd00:30::11')],
  eth1: [info('192.168.7.1')],
}
const addresses = (ranges: readonly string[], family: 'IPv4' | 'IPv6') =>
  nodePortAddressesOf(withDefaults({ nodePortAddresses: [...ranges] }), family, { node, interfaces })

describe('what a proxy knows of its node', () => {
  it('is its address of each family', () => {
    assert.deepEqual(
      [nodeIPOf(node, 'IPv4'), nodeIPOf(node, 'IPv6'), nodeIPOf(undefined, 'IPv4')],
      ['172.30.0.11', 'fd00:30::11', undefined],
    )
  })

  it('is where node ports are served: the primary address, those in ranges, or all', () => {
    assert.deepEqual(addresses([], 'IPv4'), ['172.30.0.11'])
    assert.deepEqual(addresses(['primary'], 'IPv6'), ['fd00:30::11'])
    assert.deepEqual(addresses(['192.168.0.0/16', '127.0.0.0/8'], 'IPv4'), ['192.168.7.1'])
    assert.equal(addresses(['0.0.0.0/0'], 'IPv4'), undefined)
    assert.equal(addresses(['192.168.0.0/16'], 'IPv6'), undefined)
  })

  it('is how traffic of Pods is told from other traffic', () => {
    const local = (document: Record<string, unknown>, family: 'IPv4' | 'IPv6' = 'IPv4') =>
      localTrafficOf(withDefaults(document), family, node)?.isNotLocal
    assert.equal(local({ clusterCIDR: '10.244.0.0/16' }), 'ip saddr != 10.244.0.0/16')
    assert.equal(local({ clusterCIDR: '10.244.0.0/16' }, 'IPv6'), undefined)
    assert.equal(local({ detectLocalMode: 'NodeCIDR' }, 'IPv6'), 'ip6 saddr != fd00:244:1::/64')
    assert.equal(
      local({ detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } }),
      'iifname != "cni0"',
    )
    const prefix = { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } }
    assert.equal(local(prefix), 'iifname != "veth*"')
  })

  it('is what leaves the cluster with its address, and what does not', () => {
    const options = { isOn: true, clusterCIDRs: ['10.244.0.0/16', 'fd00:244::/56'], except: ['192.168.0.0/16'] }
    const rules = egressCommands('IPv4', options).join('\n')
    assert.match(rules, /elements = \{ 10\.244\.0\.0\/16, 192\.168\.0\.0\/16 \}/)
    assert.match(rules, /ip saddr 10\.244\.0\.0\/16 ip daddr != @inside masquerade/)
    assert.equal(egressCommands('IPv4', { ...options, isOn: false }).length, 2)
  })
})
