import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { joinedFacts, withoutForgotten } from './cluster-authentication.ts'

const certificate = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`

const own = {
  clientCa: `${certificate('ours')}\n`,
  requestHeader: {
    caFile: '',
    ca: certificate('proxy'),
    allowedNames: ['front-proxy-client'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: [],
    groupHeaders: ['X-Remote-Group'],
    extraPrefixes: ['X-Remote-Extra-'],
  },
}

describe('what extension API servers are told', () => {
  it('is what this server believes', () => {
    assert.deepEqual(joinedFacts({}, own), {
      'client-ca-file': `${certificate('ours')}\n`,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-client-ca-file': `${certificate('proxy')}\n`,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '[]',
      'requestheader-username-headers': '["X-Remote-User"]',
    })
  })

  it('keeps what other servers have put there, and says nothing twice', () => {
    const others = {
      'client-ca-file': `${certificate('theirs')}\n`,
      'requestheader-allowed-names': '["aggregator"]',
      foreign: 'kept',
    }
    const joined = joinedFacts(others, own)
    assert.equal(joined['client-ca-file'], `${certificate('theirs')}\n${certificate('ours')}\n`)
    assert.equal(joined['requestheader-allowed-names'], '["aggregator","front-proxy-client"]')
    assert.equal(joined['foreign'], 'kept')
    assert.deepEqual(joinedFacts(joined, own), joined)
  })

  it('has no authority any more that this server has taken out of its files, and keeps those of others', () => {
    const proxy = (...names: string[]) => ({
      ...own,
      requestHeader: { ...own.requestHeader, ca: names.map(certificate).join('\n') },
    })
    const field = 'requestheader-client-ca-file'
    const present = { [field]: `${['theirs', 'old', 'new'].map(certificate).join('\n')}\n` }
    assert.deepEqual(withoutForgotten(present, proxy('new', 'old'), proxy('new')), {
      [field]: `${['theirs', 'new'].map(certificate).join('\n')}\n`,
    })
    assert.deepEqual(withoutForgotten(present, proxy('new'), proxy('new')), present)
    assert.deepEqual(withoutForgotten({}, proxy('old'), proxy('new')), {})
  })

  it('is mended where it is no list', () => {
    assert.equal(
      joinedFacts({ 'requestheader-group-headers': '{' }, own)['requestheader-group-headers'],
      '["X-Remote-Group"]',
    )
    assert.deepEqual(joinedFacts({}, { clientCa: undefined, requestHeader: undefined }), {})
  })
})
