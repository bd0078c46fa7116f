import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { sleep } from '../clock.ts'
import { HealthChecks } from '../healthz/healthz.ts'
import { createLogger } from '../logging/logger.ts'
import { createMetrics } from '../metrics/metrics.ts'
import { ensureCa, ensureCertificate } from '../pki/store.ts'
import { serveComponent } from './serving.ts'

const log = createLogger('test')
log.level = 'silent'

interface Identity {
  readonly cert?: string
  readonly key?: string
}

describe('serveComponent', () => {
  const stop = new AbortController()
  let dir = ''
  const portOf: Record<string, number> = {}
  const file = (name: string): string => join(dir, name)
  const get = async (port: number | undefined, path: string, identity: Identity = {}) => {
    const call = request({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false, ...identity }).end()
    const [response] = await once(call, 'response')
    return { code: response.statusCode as number, body: await text(response) }
  }
  const identity = (name: string): Identity => ({
    cert: readFileSync(file(`${name}.crt`), 'utf8'),
    key: readFileSync(file(`${name}.key`), 'utf8'),
  })

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kubets-serving-'))
    await ensureCa(dir, 'ca', 'kubernetes')
    await ensureCa(dir, 'other-ca', 'other')
    const client = { usages: ['client'] as const, days: 90 }
    await ensureCertificate(dir, { ...client, file: 'scraper', ca: 'ca', commonName: 'prometheus' })
    await ensureCertificate(dir, { ...client, file: 'stranger', ca: 'other-ca', commonName: 'prometheus' })
    await ensureCertificate(dir, { file: 'server', ca: 'ca', commonName: 'first', usages: ['server'], days: 90 })
    const common = { bindAddress: '127.0.0.1', port: 0, log, signal: stop.signal, metrics: createMetrics('test') }
    const health = new HealthChecks()
    const serve = async (name: string, tls: { certFile: string; keyFile: string; clientCaFile?: string }) => {
      const server = await serveComponent({ ...common, health, tls, tlsSettings: { minVersion: 'TLSv1.2' } })
      portOf[name] = (server.address() as AddressInfo).port
    }
    await serve('files', { certFile: file('server.crt'), keyFile: file('server.key'), clientCaFile: file('ca.crt') })
    await serve('noCa', { certFile: '', keyFile: '' })
  })
  after(() => {
    stop.abort()
    rmSync(dir, { recursive: true, force: true })
  })

  it('answers health to everybody', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) {
      assert.deepEqual(await get(portOf['files'], path), { code: 200, body: 'ok' })
    }
  })

  it('answers metrics to a client of the cluster CA', async () => {
    const { code, body } = await get(portOf['files'], '/metrics', identity('scraper'))
    assert.equal(code, 200)
    assert.match(body, /^kubernetes_build_info\{component="test"/m)
    assert.match(body, /^process_cpu_seconds_total \d/m)
  })

  it('refuses metrics to anybody else, with a Status', async () => {
    for (const who of [{}, identity('stranger')]) {
      const { code, body } = await get(portOf['files'], '/metrics', who)
      assert.equal(code, 403)
      assert.equal(JSON.parse(body).message, 'forbidden: User "system:anonymous" cannot get path "/metrics"')
    }
  })

  it('trusts no certificate where no client CA is configured', async () => {
    assert.equal((await get(portOf['noCa'], '/metrics', identity('scraper'))).code, 403)
  })

  it('says that a path does not exist', async () => {
    assert.equal((await get(portOf['files'], '/nothing', identity('scraper'))).code, 404)
  })

  it('serves a new certificate soon after the files changed', async () => {
    const servedName = async (): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port: portOf['files'] ?? 0, rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return String(CN)
    }
    assert.equal(await servedName(), 'first')
    await ensureCertificate(dir, { file: 'server', ca: 'ca', commonName: 'second', usages: ['server'], days: 90 })
    for (let tries = 0; tries < 50 && (await servedName()) === 'first'; tries++) await sleep(50)
    assert.equal(await servedName(), 'second')
    assert.equal((await get(portOf['files'], '/metrics', identity('scraper'))).code, 200)
  })
})
