import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressText, candidates, type IpRange, networkText, parseServiceRanges } from './ip-range.ts'

const rangeOf = (text: string): IpRange => parseServiceRanges(text)[0]
const none = (): bigint => 0n

describe('a Service range', () => {
  const bounds: readonly (readonly [string, string, string, string])[] = [
    ['10.96.0.0/16', '10.96.0.1', '10.96.255.254', '10.96.1.1'],
    ['10.96.0.77/24', '10.96.0.1', '10.96.0.254', '10.96.0.17'],
    ['10.96.0.0/28', '10.96.0.1', '10.96.0.14', '10.96.0.1'],
    ['10.96.0.0/27', '10.96.0.1', '10.96.0.30', '10.96.0.17'],
    ['2001:db8::/64', '2001:db8::1', '2001:db8::ffff:ffff:ffff:ffff', '2001:db8::101'],
    ['2001:DB8:0::/120', '2001:db8::1', '2001:db8::ff', '2001:db8::11'],
  ]
  for (const [text, first, last, dynamic] of bounds) {
    it(`of ${text} goes from ${first} to ${last}, the server's part from ${dynamic}`, () => {
      const range = rangeOf(text)
      assert.deepEqual(
        [range.first, range.last, range.dynamicStart].map((address) => addressText(range, address)),
        [first, last, dynamic],
      )
    })
  }

  it('is walked once, the part for people last', () => {
    const range = rangeOf('10.0.0.0/27')
    const walked = [...candidates(range, (below) => below - 1n)].map((address) => addressText(range, address))
    assert.equal(walked.length, 30)
    assert.equal(new Set(walked).size, 30)
    assert.equal(walked[0], '10.0.0.30')
    assert.equal(walked[14], '10.0.0.16')
    assert.ok(walked.slice(0, 14).every((ip) => Number(ip.split('.')[3]) >= 17))
  })

  it('has its network address for dry runs', () => {
    assert.equal(networkText(rangeOf('10.96.7.7/16')), '10.96.0.0')
    assert.deepEqual([...candidates(rangeOf('10.0.0.0/30'), none)].length, 2)
  })

  it('may have a second one of the other family', () => {
    assert.deepEqual(
      parseServiceRanges('fd00::/108,10.0.0.0/16').map(({ family, text }) => `${family} ${text}`),
      ['IPv6 fd00::/108', 'IPv4 10.0.0.0/16'],
    )
  })

  const refused: readonly (readonly [string, RegExp])[] = [
    ['10.0.0.0', /is not a valid cidr/],
    ['10.0.0.0/31', /holds no address/],
    ['fd00::/56', /is too large; for 128-bit addresses, the mask must be >= 64/],
    ['10.0.0.0/16,10.1.0.0/16', /different IP family/],
    ['10.0.0.0/16,fd00::/108,10.1.0.0/16', /must not contain more than two entries/],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${text}`, () => assert.throws(() => parseServiceRanges(text), message))
  }
})
