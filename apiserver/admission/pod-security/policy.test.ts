import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Policy, parseVersion, policyOf, policyText } from './policy.ts'

const privileged = { level: 'privileged', version: 'latest' } as const
const defaults: Policy = { enforce: privileged, audit: privileged, warn: privileged }

const prefixed = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [`pod-security.kubernetes.io/${name}`, value]))

const resolve = (labels: Record<string, string>, from: Policy = defaults): string => {
  const { policy, errors } = policyOf(prefixed(labels), from)
  const texts = [policy.enforce, policy.audit, policy.warn].map(policyText)
  return [...texts, ...errors.map(({ field, detail }) => `${field}: ${detail}`)].join(' ')
}

describe('the policy of a namespace', () => {
  const label = (name: string): string => `metadata.labels[pod-security.kubernetes.io/${name}]`
  const table: readonly [labels: Record<string, string>, policy: string][] = [
    [{}, 'privileged:latest privileged:latest privileged:latest'],
    // What is enforced is warned of.
    [{ enforce: 'baseline' }, 'baseline:latest privileged:latest baseline:latest'],
    [{ enforce: 'baseline', 'enforce-version': 'v1.20' }, 'baseline:v1.20 privileged:latest baseline:v1.20'],
    [
      { enforce: 'baseline', 'enforce-version': 'v1.20', 'warn-version': 'v1.30' },
      'baseline:v1.20 privileged:latest baseline:v1.30',
    ],
    [{ enforce: 'restricted', warn: 'privileged' }, 'restricted:latest privileged:latest privileged:latest'],
    [{ audit: 'restricted', 'audit-version': 'v1.0' }, 'privileged:latest restricted:v1.0 privileged:latest'],
    // Enforcing fails closed, the others open.
    [
      { enforce: 'bogus' },
      `restricted:latest privileged:latest privileged:latest ${label('enforce')}: Invalid value: "bogus": must be one of privileged, baseline, restricted`,
    ],
    [
      { audit: 'Baseline', warn: '' },
      `privileged:latest privileged:latest privileged:latest ${label('audit')}: Invalid value: "Baseline": must be one of privileged, baseline, restricted ${label('warn')}: Invalid value: "": must be one of privileged, baseline, restricted`,
    ],
    [
      { enforce: 'baseline', 'enforce-version': '1.20' },
      `baseline:latest privileged:latest baseline:latest ${label('enforce-version')}: Invalid value: "1.20": must be "latest" or "v1.x"`,
    ],
  ]
  for (const [labels, policy] of table) {
    it(`of ${JSON.stringify(labels)}`, () => assert.equal(resolve(labels), policy))
  }

  it('takes from the defaults what no label says', () => {
    const restricted = { level: 'restricted', version: 30 } as const
    const strict: Policy = { enforce: { level: 'baseline', version: 25 }, audit: restricted, warn: restricted }
    assert.equal(resolve({}, strict), 'baseline:v1.25 restricted:v1.30 restricted:v1.30')
    assert.equal(resolve({ enforce: 'privileged' }, strict), 'privileged:v1.25 restricted:v1.30 restricted:v1.30')
    assert.equal(resolve({ 'enforce-version': 'latest' }, strict), 'baseline:latest restricted:v1.30 restricted:v1.30')
  })

  it('has versions in one spelling', () => {
    for (const bad of ['', 'v1', 'v2.0', 'v1.01', 'v1.x', 'Latest', 'v1.-1', 'v1.1 ', 'v1.99999999999999999999'])
      assert.equal(parseVersion(bad), undefined, bad)
    assert.equal(parseVersion('v1.0'), 0)
    assert.equal(parseVersion('v1.36'), 36)
  })
})
