import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cidrFamily, isStrictCidr, isStrictIp, isStrictSubset } from './cidr.ts'

describe('ranges of addresses', () => {
  const strict: readonly (readonly [string, string])[] = [
    ['10.0.0.0/8', ''],
    ['0.0.0.0/0', ''],
    ['10.0.0.1/32', ''],
    ['2001:db8::/64', ''],
    ['::/0', ''],
    ['10.0.0.1/24', 'must not have bits set beyond the prefix length'],
    ['2001:db8::1/64', 'must not have bits set beyond the prefix length'],
    ['10.0.0.0/08', 'must not have leading 0s in IP or prefix length'],
    ['::ffff:10.0.0.0/104', 'must not have an IPv4-mapped IPv6 address'],
    ['2001:DB8::/64', 'must be in canonical form ("2001:db8::/64")'],
    ['10.0.0.0', 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ]
  for (const [text, message] of strict) {
    it(`says of ${text}: ${message || 'fine'}`, () => assert.equal(isStrictCidr(text).join(), message))
  }

  const addresses: readonly (readonly [string, string])[] = [
    ['10.0.0.1', ''],
    ['2001:db8::1', ''],
    ['10.01.2.3', 'must not have leading 0s'],
    ['2001:db8:0:0:0::1', 'must be in canonical form ("2001:db8::1")'],
    ['2001:DB8::1', 'must be in canonical form ("2001:db8::1")'],
    ['::ffff:10.0.0.1', 'must not be an IPv4-mapped IPv6 address'],
    ['fe80::1%eth0', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['10.0.0.256', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ]
  for (const [text, message] of addresses) {
    it(`says of the address ${text}: ${message || 'fine'}`, () => assert.equal(isStrictIp(text).join(), message))
  }

  const subsets: readonly (readonly [string, string, boolean])[] = [
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.0.0.0/8', false],
    ['11.0.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', '10.0.0.0/16', false],
    ['2001:db8:1::/48', '2001:db8::/32', true],
    ['2001:db9::/48', '2001:db8::/32', false],
    ['10.0.0.0/16', '::/0', false],
  ]
  for (const [inner, outer, expected] of subsets) {
    it(`${inner} is ${expected ? '' : 'not '}inside ${outer}`, () =>
      assert.equal(isStrictSubset(inner, outer), expected))
  }

  it('knows the family', () => {
    assert.deepEqual(['10.0.0.0/8', '::/0', 'x'].map(cidrFamily), [4, 6, undefined])
  })
})
