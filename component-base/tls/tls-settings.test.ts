import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { connect, createServer, type SecureVersion } from 'node:tls'
import { createCa } from '../pki/certificates.ts'
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

  it('keeps old versions out by itself, were every cipher taken and OpenSSL lax', async () => {
    const { certPem: cert, keyPem: key } = await createCa('server')
    const ciphers = 'ALL:@SECLEVEL=0'
    /** The version that a client of this one alone gets; undefined if it gets none. */
    const agreed = async (
      settings: { minVersion: SecureVersion },
      version: SecureVersion,
    ): Promise<string | undefined> => {
      const server = createServer({ cert, key, ...settings, ciphers })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const only = { minVersion: version, maxVersion: version, ciphers, rejectUnauthorized: false }
      const socket = connect({ host: '127.0.0.1', port, ...only })
      try {
        await once(socket, 'secureConnect')
        return socket.getProtocol() ?? undefined
      } catch {
        return undefined
      } finally {
        socket.destroy()
        server.close()
      }
    }
    for (const old of ['TLSv1', 'TLSv1.1'] as const) {
      // This client could: what follows is the setting's doing.
      assert.equal(await agreed({ minVersion: 'TLSv1' }, old), old)
      for (const flag of ['', 'VersionTLS10', 'VersionTLS12']) {
        assert.equal(await agreed(tlsSettings([], flag), old), undefined, `${old} with ${flag}`)
      }
    }
    assert.equal(await agreed(tlsSettings([], ''), 'TLSv1.2'), 'TLSv1.2')
    assert.equal(await agreed(tlsSettings([], 'VersionTLS13'), 'TLSv1.2'), undefined)
  })
})
