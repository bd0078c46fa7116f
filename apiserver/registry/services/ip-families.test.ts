/** The tables of upstream's rest_test: what a Service gets, by cluster, policy, families and addresses. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IpFamily } from '../../../api/networking/service-ranges.ts'
import { setIpFamilies } from './ip-families.ts'
import type { ServiceSpec } from './service-spec.ts'

type Cluster = readonly [IpFamily, ...IpFamily[]]

const v4: Cluster = ['IPv4']
const v6: Cluster = ['IPv6']
const v4v6: Cluster = ['IPv4', 'IPv6']
const v6v4: Cluster = ['IPv6', 'IPv4']

/** `policy families`, or the first error. */
const outcome = (cluster: Cluster, spec: ServiceSpec, old?: ServiceSpec): string => {
  const copy: ServiceSpec = { type: 'ClusterIP', selector: { app: 'a' }, ...structuredClone(spec) }
  const [error] = setIpFamilies(copy, old === undefined ? undefined : { type: 'ClusterIP', ...old }, cluster)
  if (error !== undefined) return `${error.field}: ${error.detail}`
  return `${copy.ipFamilyPolicy} ${(copy.ipFamilies ?? []).join()}`
}

const ips = (...clusterIPs: string[]): ServiceSpec => ({ clusterIP: clusterIPs[0] ?? '', clusterIPs })
const notDual = 'this cluster is not configured for dual-stack services'

describe('the families of a new Service', () => {
  const table: readonly (readonly [string, Cluster, ServiceSpec, string])[] = [
    ['nothing said', v4, {}, 'SingleStack IPv4'],
    ['nothing said', v6, {}, 'SingleStack IPv6'],
    ['nothing said', v4v6, {}, 'SingleStack IPv4'],
    ['nothing said', v6v4, {}, 'SingleStack IPv6'],
    ['two preferred', v4, { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4'],
    ['two preferred', v4v6, { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4,IPv6'],
    ['two preferred', v6v4, { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv6,IPv4'],
    ['two required', v6v4, { ipFamilyPolicy: 'RequireDualStack' }, 'RequireDualStack IPv6,IPv4'],
    [
      'two required',
      v4,
      { ipFamilyPolicy: 'RequireDualStack' },
      `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": ${notDual}`,
    ],
    ['the second family alone', v4v6, { ipFamilies: ['IPv6'] }, 'SingleStack IPv6'],
    [
      'the second family first',
      v4v6,
      { ipFamilies: ['IPv6'], ipFamilyPolicy: 'PreferDualStack' },
      'PreferDualStack IPv6,IPv4',
    ],
    [
      'a family that is not there',
      v4,
      { ipFamilies: ['IPv6'] },
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
    [
      'two families, one policy',
      v4v6,
      { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'SingleStack' },
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    ],
    [
      'two families, no policy',
      v4v6,
      { ipFamilies: ['IPv4', 'IPv6'] },
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    ],
    ['an address of the second family', v4v6, ips('fd00::5'), 'SingleStack IPv6'],
    [
      'an address of a family that is not there',
      v4,
      ips('fd00::5'),
      'spec.clusterIPs[0]: Invalid value: ["fd00::5"]: IPv6 is not configured on this cluster',
    ],
    [
      'two addresses',
      v4v6,
      { ...ips('fd00::5', '10.0.0.5'), ipFamilyPolicy: 'RequireDualStack' },
      'RequireDualStack IPv6,IPv4',
    ],
    [
      'two addresses, one policy',
      v4v6,
      ips('fd00::5', '10.0.0.5'),
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
    ],
    [
      'an address of another family than said',
      v4v6,
      { ...ips('fd00::5'), ipFamilies: ['IPv4'] },
      'spec.clusterIPs[0]: Invalid value: "fd00::5": expected an IPv4 value as indicated by `ipFamilies[0]`',
    ],
    [
      'a bad address',
      v4v6,
      ips('x'),
      'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    ['headless with selector', v4v6, ips('None'), 'SingleStack IPv4'],
    [
      'headless with selector, two preferred',
      v4v6,
      { ...ips('None'), ipFamilyPolicy: 'PreferDualStack' },
      'PreferDualStack IPv4,IPv6',
    ],
    [
      'headless with selector, two required',
      v4,
      { ...ips('None'), ipFamilyPolicy: 'RequireDualStack' },
      `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": ${notDual}`,
    ],
    ['headless without selector', v4, { ...ips('None'), selector: {} }, 'RequireDualStack IPv4,IPv6'],
    ['headless without selector', v6, { ...ips('None'), selector: {} }, 'RequireDualStack IPv6,IPv4'],
    [
      'headless without selector, one',
      v6,
      { ...ips('None'), selector: {}, ipFamilyPolicy: 'SingleStack' },
      'SingleStack IPv6',
    ],
    [
      'headless without selector, any family',
      v4,
      { ...ips('None'), selector: {}, ipFamilies: ['IPv6'] },
      'RequireDualStack IPv6,IPv4',
    ],
    ['external', v4v6, { type: 'ExternalName' }, 'undefined '],
  ]
  for (const [what, cluster, spec, expected] of table) {
    it(`on ${cluster.join('+')}, ${what}: ${expected}`, () => assert.equal(outcome(cluster, spec), expected))
  }
})

describe('the families of an updated Service', () => {
  const single: ServiceSpec = { ...ips('10.0.0.5'), ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }
  const dual: ServiceSpec = {
    ...ips('10.0.0.5', 'fd00::5'),
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
  }
  const preferOne: ServiceSpec = { ...single, ipFamilyPolicy: 'PreferDualStack' }
  const releasing = (what: string, policy = 'RequireDualStack'): string =>
    `spec.ipFamilyPolicy: Invalid value: "${policy}": must be 'SingleStack' to release the secondary ${what}`
  const table: readonly (readonly [string, ServiceSpec, ServiceSpec, string])[] = [
    ['policy left out', { ...single, ipFamilyPolicy: undefined } as unknown as ServiceSpec, single, 'SingleStack IPv4'],
    [
      'policy left out of two',
      { ...dual, ipFamilyPolicy: undefined } as unknown as ServiceSpec,
      dual,
      'RequireDualStack IPv4,IPv6',
    ],
    ['upgraded by policy', { ...single, ipFamilyPolicy: 'RequireDualStack' }, single, 'RequireDualStack IPv4,IPv6'],
    ['upgraded by preference', { ...single, ipFamilyPolicy: 'PreferDualStack' }, single, 'PreferDualStack IPv4,IPv6'],
    ['downgraded by policy', { ...dual, ipFamilyPolicy: 'SingleStack' }, dual, 'SingleStack IPv4'],
    ['downgraded in full', { ...single }, dual, 'SingleStack IPv4'],
    ['an address taken out', { ...dual, clusterIPs: ['10.0.0.5'] }, dual, releasing('cluster IP')],
    ['a family taken out', { ...dual, ipFamilies: ['IPv4'] }, dual, releasing('IP family')],
    ['preferring on a cluster that got a second family', preferOne, preferOne, 'PreferDualStack IPv4'],
    [
      'a family added to a preference',
      { ...preferOne, ipFamilies: ['IPv4', 'IPv6'] },
      preferOne,
      'PreferDualStack IPv4,IPv6',
    ],
    ['to external', { type: 'ExternalName' }, dual, 'undefined '],
    ['from external', {}, { type: 'ExternalName' }, 'SingleStack IPv4'],
  ]
  for (const [what, spec, old, expected] of table) {
    it(`${what}: ${expected}`, () => assert.equal(outcome(v4v6, spec, old), expected))
  }

  it('stay when the cluster loses the second', () => {
    const preferTwo: ServiceSpec = { ...dual, ipFamilyPolicy: 'PreferDualStack' }
    assert.equal(outcome(v4, preferTwo, preferTwo), 'PreferDualStack IPv4,IPv6')
  })
})
