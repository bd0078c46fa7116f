import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../../api/types.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import {
  createCertificateRequest,
  generateEcKey,
  readCertificateRequest,
} from '../../component-base/pki/certificate-request.ts'
import { createCa, signRequest } from '../../component-base/pki/certificates.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { createCertificateManager, rotationDeadlineMs, satisfies } from './certificate-manager.ts'
import { createCertificateStore, parsePair } from './certificate-store.ts'

const dayMs = 86_400_000
const subject = { commonName: 'system:node:n', organizations: ['system:nodes'], dnsNames: ['n'], ips: ['10.0.0.1'] }
const usages = ['digital signature', 'client auth'] as const
const log = createLogger('test', 0, { write: () => undefined })
const directory = mkdtempSync(join(tmpdir(), 'certificates-'))
after(() => rmSync(directory, { recursive: true }))

const ca = await createCa('kubernetes')

const sign = (requestPem: string, lifetimeMs = 30 * dayMs): string =>
  signRequest(ca, readCertificateRequest(requestPem), { usages, lifetimeMs })

const aPair = async (lifetimeMs?: number) => {
  const key = await generateEcKey()
  return { cert: sign(createCertificateRequest(key, subject), lifetimeMs), key }
}

/** An API server that signs at once whatever it is asked, or answers what `answer` says. */
const aCluster = (answer: (request: CertificateSigningRequest) => CertificateSigningRequest['status'] = issued) => {
  const asked: CertificateSigningRequest[] = []
  const create = async (_ref: unknown, request: CertificateSigningRequest): Promise<CertificateSigningRequest> => {
    asked.push(request)
    const metadata = { ...request.metadata, name: `csr-${asked.length}`, uid: String(asked.length) }
    return { ...request, metadata, status: answer(request) ?? {} }
  }
  return { asked, client: { create } as unknown as RestClient }
}
const issued = ({ spec }: CertificateSigningRequest): CertificateSigningRequest['status'] => ({
  certificate: Buffer.from(sign(Buffer.from(spec?.request ?? '', 'base64').toString())).toString('base64'),
})

describe('the certificate store', () => {
  it('keeps every pair under its date and the last one as the current', async () => {
    const store = createCertificateStore(join(directory, 'store'), 'kubelet-client')
    assert.equal(store.current(), undefined)
    const [first, second] = [await aPair(), await aPair()]
    store.update(first.cert, first.key)
    store.update(second.cert, second.key)
    assert.equal(store.current()?.certPem, second.cert)
    const target = readlinkSync(store.currentPath)
    assert.match(target, /kubelet-client-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.pem$/)
    assert.equal(statSync(target).mode & 0o777, 0o600)
    assert.ok(!readdirSync(join(directory, 'store')).some((file) => file.includes('updated')))
  })

  it('takes no key of another certificate', async () => {
    const store = createCertificateStore(join(directory, 'mixed'), 'kubelet-client')
    const [one, other] = [await aPair(), await aPair()]
    assert.throws(() => store.update(one.cert, other.key), /certificate and key are no pair/)
    assert.equal(store.current(), undefined)
  })
})

describe('rotation', () => {
  it('is due between 70 and 90 % of a certificate’s life', async () => {
    const { cert, key } = await aPair()
    const pair = parsePair(cert, key)
    const from = pair.leaf.validFromDate.getTime()
    const life = pair.leaf.validToDate.getTime() - from
    const shares = Array.from({ length: 200 }, () => (rotationDeadlineMs(pair) - from) / life)
    assert.ok(Math.min(...shares) >= 0.7 && Math.max(...shares) <= 0.9, `${Math.min(...shares)} ${Math.max(...shares)}`)
    assert.ok(Math.max(...shares) - Math.min(...shares) > 0.1)
  })

  it('is due at once for a certificate that lacks a name, and not for one that has more', async () => {
    const { cert, key } = await aPair()
    const pair = parsePair(cert, key)
    assert.ok(satisfies(pair, subject))
    assert.ok(satisfies(pair, { commonName: subject.commonName, organizations: [] }))
    assert.ok(!satisfies(pair, { ...subject, ips: ['10.0.0.2'] }))
    assert.ok(!satisfies(pair, { ...subject, dnsNames: ['m'] }))
    assert.ok(!satisfies(pair, { ...subject, commonName: 'system:node:m' }))
  })

  const aManager = (name: string, cluster: ReturnType<typeof aCluster>) => {
    const clock = new FakeClock(Date.now())
    const store = createCertificateStore(join(directory, name), 'kubelet-server')
    let failures = 0
    const lived: (number | undefined)[] = []
    const manager = createCertificateManager({
      store,
      signerName: 'kubernetes.io/kubelet-serving',
      usages,
      subject,
      client: () => cluster.client,
      onRotated: (_certificate, seconds) => void lived.push(seconds),
      onFailure: () => {
        failures++
      },
      log,
      clock,
    })
    const abort = new AbortController()
    const running = manager.run(abort.signal)
    const stop = async (): Promise<void> => {
      abort.abort()
      await running
    }
    return { manager, clock, store, lived, stop, failures: () => failures }
  }
  /** Key pairs are made on other threads, which a clock that stands still does not wait for. */
  const until = async (done: () => boolean, clock: FakeClock): Promise<void> => {
    for (let tries = 0; !done() && tries < 500; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      await clock.advance(0)
    }
    assert.ok(done())
  }

  it('asks for the first certificate, and for the next one in time', async () => {
    const cluster = aCluster()
    const { manager, clock, lived, stop } = aManager('first', cluster)
    assert.equal(manager.ttlSeconds(), Number.POSITIVE_INFINITY)
    await until(() => manager.current() !== undefined, clock)
    assert.equal(cluster.asked.length, 1)
    assert.equal(cluster.asked[0]?.spec?.signerName, 'kubernetes.io/kubelet-serving')
    assert.ok(Math.abs(manager.ttlSeconds() - 30 * 86_400) < 600)
    await clock.advance(20 * dayMs)
    assert.equal(cluster.asked.length, 1)
    await clock.advance(8 * dayMs)
    await until(() => lived.length >= 2, clock)
    assert.equal(lived[0], undefined)
    assert.ok((lived[1] ?? 0) > 20 * 86_400)
    await stop()
  })

  it('tries again after a denial, more and more slowly', async () => {
    const denial = { type: 'Denied', status: 'True', reason: 'No', message: 'not this one' }
    const cluster = aCluster(() => ({ conditions: [denial] }))
    const { manager, clock, stop, failures } = aManager('denied', cluster)
    await until(() => failures() === 1, clock)
    await clock.advance(1_900)
    assert.equal(cluster.asked.length, 1)
    await clock.advance(400)
    await until(() => failures() === 2, clock)
    assert.equal(manager.current(), undefined)
    await stop()
  })

  it('has no certificate when it has ended', async () => {
    const { cert, key } = await aPair(3_600_000)
    createCertificateStore(join(directory, 'ended'), 'kubelet-server').update(cert, key)
    const never = aCluster(() => ({}))
    const { manager, clock, stop } = aManager('ended', never)
    assert.notEqual(manager.current(), undefined)
    const stopping = stop()
    await clock.advance(3_700_000)
    assert.equal(manager.current(), undefined)
    assert.ok(manager.ttlSeconds() < 0)
    await stopping
  })
})
