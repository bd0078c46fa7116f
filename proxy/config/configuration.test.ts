import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseFlags } from '../../component-base/flags/flags.ts'
import { validateConfiguration, withDefaults } from './configuration.ts'
import { flags } from './flags.ts'
import { loadConfiguration } from './load.ts'

const problemsOf = (document: Record<string, unknown>): string[] =>
  validateConfiguration(withDefaults(document)).map(({ field, detail }) => `${field}: ${detail}`)

describe('KubeProxyConfiguration', () => {
  it('has defaults that are valid', () => {
    assert.deepEqual(problemsOf({}), [])
    const { healthzBindAddress, metricsBindAddress, nodePortAddresses, nftables } = withDefaults({})
    assert.deepEqual(
      [healthzBindAddress, metricsBindAddress, nodePortAddresses, nftables.syncPeriod, nftables.minSyncPeriod],
      ['0.0.0.0:10256', '127.0.0.1:10249', ['primary'], '30s', '1s'],
    )
  })

  it('listens on IPv6 where the node is IPv6, and adds a missing port', () => {
    assert.equal(withDefaults({ bindAddress: '::' }).healthzBindAddress, '[::]:10256')
    assert.equal(withDefaults({ metricsBindAddress: '0.0.0.0' }).metricsBindAddress, '0.0.0.0:10249')
  })

  const invalid: [string, Record<string, unknown>, RegExp][] = [
    ['a mode of another proxy', { mode: 'ipvs' }, /^KubeProxyConfiguration\.Mode: Invalid value: "ipvs"/],
    ['three cluster ranges', { clusterCIDR: '10.0.0.0/8,fd00::/48,11.0.0.0/8' }, /only one CIDR allowed or/],
    ['two of one family', { clusterCIDR: '10.0.0.0/8,11.0.0.0/8' }, /must be a valid DualStack CIDR/],
    ['no range', { clusterCIDR: '10.0.0.0' }, /must be a valid CIDR block/],
    ['a mark bit beyond the mark', { nftables: { masqueradeBit: 32 } }, /must be within the range \[0, 31\]/],
    [
      'a longest period below the shortest',
      { nftables: { syncPeriod: '1s', minSyncPeriod: '2s' } },
      /SyncPeriod: Invalid/,
    ],
    ['an oom score beyond the kernel', { oomScoreAdj: 1001 }, /within the range \[-1000, 1000\]/],
    ['primary among ranges', { nodePortAddresses: ['primary', '10.0.0.0/8'] }, /NodePortAddresses\[0\]/],
    ['an unknown way to know Pods', { detectLocalMode: 'Guess' }, /DetectLocalMode/],
    ['a bridge without a name', { detectLocalMode: 'BridgeInterface' }, /DetectLocal\.BridgeInterface/],
    ['an address without a port', { healthzBindAddress: 'localhost' }, /must be IP:port/],
    ['negative limits', { conntrack: { maxPerCore: -1, min: -1 } }, /MaxPerCore: Invalid value: -1/],
  ]
  for (const [name, document, expected] of invalid) {
    it(`refuses ${name}`, () => assert.match(problemsOf(document).join('\n'), expected))
  }

  it('is made of flags where there is no file', () => {
    const parsed = parseFlags(
      flags,
      [
        '--hostname-override=n1',
        '--cluster-cidr=10.0.0.0/8',
        '--masquerade-all',
        '--metrics-port=0',
        '--healthz-port=1',
      ],
      { name: 'kube-proxy', version: 'v1' },
    )
    const config = loadConfiguration(parsed)
    assert.equal(config.hostnameOverride, 'n1')
    assert.equal(config.clusterCIDR, '10.0.0.0/8')
    assert.equal(config.nftables.masqueradeAll, true)
    assert.equal(config.metricsBindAddress, '')
    assert.equal(config.healthzBindAddress, '0.0.0.0:1')
  })
})
