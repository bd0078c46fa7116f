import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { UsageError } from '../../component-base/process/run.ts'
import type { Config } from '../config.ts'
import { openServerTls } from './tls.ts'

describe('--cert-dir', () => {
  const certDir = mkdtempSync(join(tmpdir(), 'kubets-cert-dir-'))
  after(() => rmSync(certDir, { recursive: true, force: true }))
  const config = (dir: string): Config =>
    ({
      tls: { certFile: '', keyFile: '', certDir: dir, settings: {} },
      clientCaFile: '',
      requestHeader: undefined,
      advertiseAddress: '192.0.2.1',
    }) as unknown as Config

  it('gets a certificate for this server, which the next start finds', async () => {
    const directory = join(certDir, 'made')
    const { initial } = await openServerTls(config(directory))
    assert.deepEqual(readdirSync(directory).sort(), ['apiserver.crt', 'apiserver.key'])
    assert.equal(statSync(join(directory, 'apiserver.key')).mode & 0o077, 0)
    const names = new X509Certificate(initial.cert).subjectAltName ?? ''
    for (const name of ['DNS:kubernetes.default.svc', 'DNS:localhost', 'IP Address:192.0.2.1'])
      assert.ok(names.includes(name))
    assert.equal((await openServerTls(config(directory))).initial.cert, initial.cert)
  })

  it('ends the start where half of a pair lies, or nothing can be written', async () => {
    const directory = join(certDir, 'half')
    await openServerTls(config(directory))
    rmSync(join(directory, 'apiserver.key'))
    await assert.rejects(openServerTls(config(directory)), /certificate and key must be supplied as a pair/)
    await assert.rejects(openServerTls(config(join(certDir, 'half', 'apiserver.crt'))), (error) => {
      return error instanceof UsageError && error.message.startsWith('error creating self-signed certificates: ')
    })
  })
})
