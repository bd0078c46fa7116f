import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { identityOf, isExpired } from './identity-lease.ts'

describe('the identity of an API server', () => {
  it('is a name of DNS that is always the same for a host, and another for every host', () => {
    assert.match(identityOf('host-1'), /^apiserver-[a-z2-7]{26}$/)
    assert.equal(identityOf('host-1'), 'apiserver-fl6obw4ijfryx25ur4ugqryswq')
    assert.notEqual(identityOf('host-1'), identityOf('host-2'))
  })

  it('is over when its lease was not renewed for as long as it says', () => {
    const renewTime = '2026-01-01T00:00:00.000000Z'
    const lease = { spec: { renewTime, leaseDurationSeconds: 60 } } as never
    const at = Date.parse('2026-01-01T00:01:00Z')
    assert.ok(!isExpired(lease, at))
    assert.ok(isExpired(lease, at + 1))
    assert.ok(isExpired({ spec: {} }, at))
  })
})
