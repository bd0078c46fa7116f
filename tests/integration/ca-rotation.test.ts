/** A new CA for a running cluster, in three steps, while a client polls and sees no failure and a Pod runs on. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { configMaps, nodes } from '../../api/resources.ts'
import { createRestClient } from '../../client/rest/rest-client.ts'
import { sleep } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { type CertificatePair, issueCertificate } from '../../component-base/pki/certificates.ts'
import { createHttpTo, type Http } from '../harness/http.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const running = useCluster({ nodes: 1, metricsServer: true })

/** The certificate that a port serves. */
const served = (host: string, port: number): Promise<X509Certificate> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate()
      socket.destroy()
      if (certificate === undefined) reject(new Error('no certificate'))
      else resolve(certificate)
    })
    socket.once('error', reject)
  })

describe('a new CA', () => {
  const pki = (file: string): string => readFileSync(join(running().layout.pki, file), 'utf8')
  const caCount = (text: string | undefined): number => (text ?? '').split('BEGIN CERTIFICATE').length - 1
  const pair = (key = 'ca.key'): CertificatePair => ({ certPem: pki('ca.crt'), keyPem: pki(key) })
  const rootCa = async (): Promise<string | undefined> =>
    (await running().client.get(configMaps, 'kube-root-ca.crt', 'default')).data?.['ca.crt']
  /** An administrator whose certificate a CA signed just now. */
  const adminOf = async (ca: CertificatePair): Promise<Http> => {
    const { certPem, keyPem } = await issueCertificate(ca, {
      commonName: 'somebody',
      organizations: ['kubeadm:cluster-admins'],
      usages: ['client'],
      days: 1,
    })
    return createHttpTo({ server: running().server }, { cert: certPem, key: keyPem })
  }
  const codeFor = async (admin: Http): Promise<number> => (await admin('/api/v1/namespaces/default')).code
  const nodeAddress = (): string => running().nodes()[0]?.address ?? ''
  const apiPort = (): number => Number(new URL(running().server).port)
  const kubeletPem = (prefix: string): X509Certificate =>
    new X509Certificate(
      readFileSync(join(running().layout.node(running().nodes()[0]?.name ?? '').pki, `${prefix}-current.pem`)),
    )
  const isReady = async (): Promise<boolean> => {
    const { items } = await running().client.list(nodes)
    return items.every(({ status }) =>
      status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    )
  }

  /** Polls all the while, as any client that reads its kubeconfig. */
  const failures: string[] = []
  let polls = 0
  let old: CertificatePair
  let next: X509Certificate
  let versions = ''

  before(async () => {
    ensureTestImages()
    const { layout, kubectl } = running()
    await kubectl('run', 'lasting', `--image=${busyboxImage}`, '--', 'sh', '-c', 'echo here; sleep 1000')
    await kubectl('wait', '--for=condition=Ready', 'pod/lasting', '--timeout=60s')
    old = pair()
    const config = loadKubeconfig(layout.adminConf)
    versions = config.tlsVersion()
    const client = createRestClient(config, { userAgent: 'poller' })
    const stopped = new AbortController()
    const polling = (async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        try {
          await client.raw('GET', '/api/v1/namespaces/default')
          if (!(await isReady())) failures.push('a node is not Ready')
        } catch (error) {
          failures.push(String(error))
        }
        polls++
        versions = config.tlsVersion()
        await sleep(100, stopped.signal).catch(() => undefined)
      }
    })()
    stopPolling = async () => {
      stopped.abort()
      await polling
      await client.close()
    }
  })
  after(() => stopPolling())
  let stopPolling = async (): Promise<void> => undefined

  /** The poller has read its kubeconfig anew, and so has everybody else who uses one. */
  const pollerHasRead = async (version: string): Promise<void> =>
    void (await waitFor(() => versions !== version, { what: 'the new kubeconfig' }))

  it('is trusted beside the old one first', async () => {
    const version = versions
    assert.match(await running().cli('rotate-ca'), /a new CA is trusted beside the old one/)
    assert.equal(caCount(pki('ca.crt')), 2)
    next = new X509Certificate(pki('ca.crt').split(/(?<=END CERTIFICATE-----\n)/)[1] ?? '')
    const admin = await adminOf({ certPem: next.toString(), keyPem: pki('ca-next.key') })
    await waitFor(async () => (await codeFor(admin)) === 200, { what: 'the API server to take the new CA' })
    assert.equal(await codeFor(await adminOf(old)), 200)
    await waitFor(async () => caCount(await rootCa()) === 2, { what: 'both CAs in kube-root-ca.crt' })
    await waitFor(
      async () =>
        caCount(
          (await running().client.get(configMaps, 'extension-apiserver-authentication', 'kube-system')).data?.[
            'client-ca-file'
          ],
        ) === 2,
      { what: 'both CAs for extension API servers' },
    )
    await pollerHasRead(version)
  })

  it('signs then, and all certificates become its own', async () => {
    const version = versions
    assert.match(await running().cli('rotate-ca'), /the new CA signs/)
    await waitFor(async () => (await served('127.0.0.1', apiPort())).verify(next.publicKey), { what: 'the API server' })
    for (const prefix of ['kubelet-client', 'kubelet-server']) {
      await waitFor(() => kubeletPem(prefix).verify(next.publicKey), { what: `a ${prefix} certificate of the new CA` })
    }
    await waitFor(async () => (await served(nodeAddress(), 10250)).verify(next.publicKey), { what: 'the kubelet' })
    assert.equal(await codeFor(await adminOf(old)), 200)
    await pollerHasRead(version)
  })

  it('is alone at last, and who has a certificate of the old one is nobody', async () => {
    const stranger = await adminOf(old)
    assert.match(await running().cli('rotate-ca'), /the old CA is forgotten/)
    await waitFor(async () => (await codeFor(stranger)) === 401, { what: 'the end of the old CA' })
    assert.equal(await codeFor(await adminOf(pair())), 200)
    await waitFor(async () => caCount(await rootCa()) === 1, { what: 'one CA in kube-root-ca.crt' })
    assert.equal(new X509Certificate((await rootCa()) ?? '').fingerprint256, next.fingerprint256)
  })

  it('was no trouble for anybody: the poller, the nodes, the Pod, controllers, kubectl', async () => {
    await stopPolling()
    assert.deepEqual(failures, [])
    assert.ok(polls > 20, `${polls} polls`)
    const { kubectl } = running()
    assert.equal(await kubectl('exec', 'lasting', '--', 'echo', 'still'), 'still\n')
    assert.equal(await kubectl('logs', 'lasting'), 'here\n')
    const restarts = await kubectl(
      'get',
      'pod',
      'lasting',
      '-o',
      'jsonpath={.status.containerStatuses[0].restartCount}',
    )
    assert.equal(restarts, '0')
    assert.match(await kubectl('get', '--raw', '/apis/metrics.k8s.io/v1beta1'), /NodeMetrics/)
    // What is made now goes through all components.
    await kubectl('create', 'deployment', 'fresh', `--image=${busyboxImage}`, '--', 'sleep', '1000')
    await kubectl('rollout', 'status', 'deployment/fresh', '--timeout=60s')
  })
})
