import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { UsageError } from '../process/run.ts'
import { strongCipherSuites } from './cipher-suites.ts'
import { tlsSettings } from './tls-settings.ts'

describe('tlsSettings', () => {
  it('has no ciphers of its own, and TLS 1.2 at least, where the flags say nothing', () => {
    assert.deepEqual(tlsSettings([], ''), { minVersion: 'TLSv1.2' })
    assert.deepEqual(tlsSettings([], 'VersionTLS13'), { minVersion: 'TLSv1.3' })
  })

  it('translates Go’s names, and keeps those of TLS 1.3', () => {
    assert.equal(
      tlsSettings(['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'], '').ciphers,
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES256-GCM-SHA384',
    )
    assert.doesNotMatch(tlsSettings(strongCipherSuites, '').ciphers ?? '', /CBC|-SHA(:|$)|RC4|DES/)
  })

  it('refuses what Go does not know, in its words', () => {
    assert.throws(() => tlsSettings(['NULL'], ''), new UsageError("Cipher suite NULL not supported or doesn't exist"))
    assert.throws(() => tlsSettings(['constructor'], ''), UsageError)
    assert.throws(() => tlsSettings([], 'TLS1.2'), new UsageError('unknown tls version "TLS1.2"'))
  })
})
