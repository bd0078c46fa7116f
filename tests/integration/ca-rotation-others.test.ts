/** New CAs for the store and for the aggregator of a running cluster, while writes and aggregated reads go on. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { configMaps } from '../../api/resources.ts'
import { sleep } from '../../component-base/clock.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { type CertificatePair, issueCertificate } from '../../component-base/pki/certificates.ts'
import { hostAddress } from '../../deploy/network.ts'
import { createHttpTo } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const running = useCluster({ metricsServer: true })
const metricsApi = '/apis/metrics.k8s.io/v1beta1'

const pki = (file: string): string => readFileSync(join(running().layout.pki, file), 'utf8')
const certificatesOf = (pem = ''): string[] => pem.split(/(?<=END CERTIFICATE-----\n)/).filter((text) => text !== '')

/** The certificate that etcd serves. */
const served = (): Promise<X509Certificate> =>
  new Promise((resolve, reject) => {
    const { etcdPort: port } = running().config().controlPlane
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate()
      socket.destroy()
      if (certificate === undefined) reject(new Error('no certificate'))
      else resolve(certificate)
    })
    socket.once('error', reject)
  })

interface Rotation {
  /** The CA in `pki/`, without its ending. */
  readonly file: string
  /** What the component shows that the CA signs for. */
  readonly commonName: string
  /** Whether a client with this certificate is let in. */
  readonly isLetIn: (client: CertificatePair) => Promise<boolean>
  /** The certificate that is in use. */
  readonly inUse: () => Promise<X509Certificate>
}

const rotations: Readonly<Record<string, Rotation>> = {
  etcd: {
    file: 'etcd/ca',
    commonName: 'kube-apiserver-etcd-client',
    isLetIn: async ({ certPem: cert, keyPem: key }) => {
      const endpoints = [`https://127.0.0.1:${running().config().controlPlane.etcdPort}`]
      using client = new EtcdClient({ endpoints, tls: { ca: pki('etcd/ca.crt'), cert, key } })
      try {
        await client.range({ key: Buffer.from('/'), countOnly: true }, { timeoutMs: 3_000 })
        return true
      } catch {
        return false
      }
    },
    inUse: served,
  },
  'front-proxy': {
    file: 'front-proxy-ca',
    commonName: 'front-proxy-client',
    // As the aggregator comes to an extension API server.
    isLetIn: async ({ certPem: cert, keyPem: key }) => {
      const config = running().config()
      const server = `https://${hostAddress(config)}:${config.controlPlane.metricsServerPort}`
      const headers = { 'x-remote-user': 'somebody', 'x-remote-group': 'system:masters' }
      const { code } = await createHttpTo({ server }, { cert, key })(`${metricsApi}/nodes`, { headers })
      return code === 200
    },
    inUse: () => Promise.resolve(new X509Certificate(pki('front-proxy-client.crt'))),
  },
}

for (const [authority, { file, commonName, isLetIn, inUse }] of Object.entries(rotations)) {
  describe(`a new CA of ${authority}`, () => {
    const pair = (key = `${file}.key`): CertificatePair => ({ certPem: pki(`${file}.crt`), keyPem: pki(key) })
    const clientOf = (ca: CertificatePair): Promise<CertificatePair> =>
      issueCertificate(ca, { commonName, usages: ['client'], days: 1 })
    const rotate = (): Promise<string> => running().cli('rotate-ca', `--ca=${authority}`)
    const toldOf = async (): Promise<string[]> => {
      const { data } = await running().client.get(configMaps, 'extension-apiserver-authentication', 'kube-system')
      return certificatesOf(data?.['requestheader-client-ca-file'])
    }

    const failures: string[] = []
    let rounds = 0
    const stopped = new AbortController()
    let working: Promise<void> = Promise.resolve()
    let old: CertificatePair
    let next: X509Certificate

    before(() => {
      old = pair()
      const { client } = running()
      working = (async () => {
        while (!stopped.signal.aborted) {
          try {
            await client.create(configMaps, { metadata: { generateName: 'written-', namespace: 'default' } })
            await client.raw('GET', `${metricsApi}/nodes`)
          } catch (error) {
            failures.push(String(error))
          }
          rounds++
          await sleep(100, stopped.signal).catch(() => undefined)
        }
      })()
    })
    after(async () => {
      stopped.abort()
      await working
    })

    it('is trusted beside the old one first', async () => {
      assert.match(await rotate(), /a new CA is trusted beside the old one/)
      const [, second = ''] = certificatesOf(pki(`${file}.crt`))
      next = new X509Certificate(second)
      const byNext = await clientOf({ certPem: second, keyPem: pki(`${file}-next.key`) })
      await waitFor(() => isLetIn(byNext), { what: 'the new CA to be trusted' })
      assert.ok(await isLetIn(await clientOf(old)))
      assert.ok((await inUse()).verify(new X509Certificate(old.certPem).publicKey))
    })

    it('signs then, and what is in use becomes its own', async () => {
      assert.match(await rotate(), /the new CA signs/)
      await waitFor(async () => (await inUse()).verify(next.publicKey), { what: 'a certificate of the new CA' })
      assert.ok(await isLetIn(await clientOf(old)))
      assert.ok(await isLetIn(await clientOf(pair())))
    })

    it('is alone at last, and who has a certificate of the old one is nobody', async () => {
      const stranger = await clientOf(old)
      assert.match(await rotate(), /the old CA is forgotten/)
      await waitFor(async () => !(await isLetIn(stranger)), { what: 'the end of the old CA' })
      assert.ok(await isLetIn(await clientOf(pair())))
      assert.equal(certificatesOf(pki(`${file}.crt`)).length, 1)
      await waitFor(async () => (await toldOf()).length === 1, { what: 'one CA for extension API servers' })
    })

    it('was no trouble for anybody who wrote, or asked through the aggregator', async () => {
      const before = rounds
      await waitFor(() => rounds > before + 2, { what: 'more work' })
      assert.deepEqual(failures, [])
      // New connections, too, and the certificates that are on the disk.
      using etcd = running().newEtcdClient()
      await etcd.range({ key: Buffer.from('/'), countOnly: true }, { timeoutMs: 3_000 })
      assert.match(await running().kubectl('get', '--raw', '/readyz'), /^ok/)
      assert.match(await running().kubectl('get', 'apiservice', 'v1beta1.metrics.k8s.io'), / True /)
    })
  })
}

describe('a CA that is not there', () => {
  it('is not rotated', async () => {
    await assert.rejects(running().cli('rotate-ca', '--ca=moon'), /unknown CA moon: cluster, front-proxy, etcd/)
  })
})
