import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodesOf, toClusterConfig } from './cluster-config.ts'

const aFile = (spec: object): object => ({ apiVersion: 'kubets.dev/v1alpha1', kind: 'Cluster', spec })
const aPool = (count: number) => ({ name: 'node', count, zones: ['zone-a', 'zone-b'] })

const anEtcd = (external: object) => ({ controlPlane: { etcd: { external } } })

describe('toClusterConfig', () => {
  it('fills defaults', () => {
    const config = toClusterConfig(aFile({}))
    assert.equal(config.name, 'kubets')
    assert.equal(config.networking.podCIDR, '10.244.0.0/16')
    assert.equal(config.controlPlane.apiServerPort, 6443)
  })

  it('takes an etcd of somebody else', () => {
    const files = { caFile: '/ca', certFile: '/crt', keyFile: '/key' }
    const endpoints = ['https://a:2379', 'https://b:2379']
    const { externalEtcd } = toClusterConfig(aFile(anEtcd({ endpoints, ...files }))).controlPlane
    assert.deepEqual(externalEtcd, { endpoints, tls: files })
    const plain = toClusterConfig(aFile(anEtcd({ endpoints: ['http://a:2379'] }))).controlPlane.externalEtcd
    assert.deepEqual(plain, { endpoints: ['http://a:2379'], tls: undefined })
  })

  const mistakes: readonly (readonly [string, object, RegExp])[] = [
    [
      'an unknown field',
      { nodePool: [] },
      /spec.nodePool: unknown field \(known: networking, controlPlane, nodePools\)/,
    ],
    ['a bad range', { networking: { podCIDR: '10.0.0.0' } }, /spec.networking.podCIDR: 10.0.0.0 is not a CIDR range/],
    [
      'two ranges of one family',
      { networking: { podCIDR: '10.0.0.0/16,10.1.0.0/16' } },
      /spec.networking.podCIDR: must be one range, or one of IPv4 and one of IPv6/,
    ],
    ['Pods without IPv6 on nodes that have it', { networking: { nodeCIDR: '10.0.0.0/24,fd00::/64' } }, /same families/],
    ['a pool twice', { nodePools: [aPool(1), aPool(2)] }, /the name node stands twice/],
    ['a bad count', { nodePools: [aPool(-1)] }, /spec.nodePools\[0\].count: must be a whole number/],
    ['a bad effect', { nodePools: [{ ...aPool(1), taints: [{ key: 'a', effect: 'Never' }] }] }, /taints\[0\].effect/],
    ['an etcd without an endpoint', anEtcd({}), /etcd.external.endpoints: at least one is needed/],
    [
      'an etcd endpoint that is none',
      anEtcd({ endpoints: ['10.0.0.1:2379'] }),
      /"10.0.0.1:2379" is not of the form https:\/\/host:port/,
    ],
    [
      'a secure etcd without a certificate',
      anEtcd({ endpoints: ['https://e:2379'], caFile: '/ca', keyFile: '/key' }),
      /etcd.external.certFile: must be a non-empty string/,
    ],
    [
      'a path that depends on where one is',
      anEtcd({ endpoints: ['https://e:2379'], caFile: 'ca', certFile: '/crt', keyFile: '/key' }),
      /etcd.external.caFile: must be an absolute path/,
    ],
  ]
  for (const [name, spec, message] of mistakes) {
    it(`tells of ${name} by its path`, () => assert.throws(() => toClusterConfig(aFile(spec)), message))
  }
})

describe('nodesOf', () => {
  const config = toClusterConfig(aFile({ nodePools: [aPool(3)] }))

  it('deals zones out in turn and addresses from .11 on', () => {
    const nodes = nodesOf(config, new Map())
    assert.deepEqual(
      nodes.map(({ name, address, labels }) => [name, address, labels['topology.kubernetes.io/zone']]),
      [
        ['node-1', '172.30.0.11', 'zone-a'],
        ['node-2', '172.30.0.12', 'zone-b'],
        ['node-3', '172.30.0.13', 'zone-a'],
      ],
    )
  })

  it('gives a node the same place in the range of each family', () => {
    const networking = {
      nodeCIDR: '172.30.0.0/24,fd00:172:30::/64',
      podCIDR: '10.244.0.0/16,fd00:10:244::/56',
      serviceCIDR: '10.96.0.0/16,fd00:10:96::/112',
    }
    const [node] = nodesOf(toClusterConfig(aFile({ networking, nodePools: [aPool(1)] })), new Map())
    assert.deepEqual(node?.addresses, ['172.30.0.11', 'fd00:172:30::b'])
  })

  it('keeps the addresses that nodes have, unless the range has changed', () => {
    const known = new Map([
      ['node-2', '172.30.0.11'],
      ['node-3', '172.16.0.9'],
    ])
    assert.deepEqual(
      nodesOf(config, known).map(({ address }) => address),
      ['172.30.0.12', '172.30.0.11', '172.30.0.13'],
    )
  })
})
