/** The kubelet's two certificates: from a token, and renewed in time while everything goes on. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { certificateSigningRequests, nodes } from '../../../api/resources.ts'
import type { Node } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttpTo, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

/** The serial number of the certificate that a port shows. */
const servedSerial = (host: string, port: number, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca }, () => {
      const { serialNumber } = socket.getPeerCertificate()
      socket.destroy()
      resolve(serialNumber)
    })
    socket.once('error', reject)
  })

const isReady = (node: Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

export const describeRotation = (running: () => TestCluster): void => {
  describe('a kubelet', () => {
    let cluster: TestCluster
    let name: string
    let address: string
    const paths = () => cluster.layout.node(name)
    const ca = (): string => readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8')

    before(() => {
      cluster = running()
      const [node] = cluster.nodes()
      name = node?.name ?? ''
      address = node?.address ?? ''
    })

    it('joined with a bootstrap token, and left no trace of it in its kubeconfig', async () => {
      const kubeconfig = readFileSync(paths().kubeletConf, 'utf8')
      assert.match(kubeconfig, /client-certificate: .*\/kubelet-client-current\.pem/)
      assert.doesNotMatch(kubeconfig, /token/)
      assert.ok(!existsSync(join(paths().pki, 'kubelet-client.key.tmp')))
      const { items } = await cluster.client.list(certificateSigningRequests)
      const first = items.find(({ metadata }) => metadata?.name?.startsWith('node-csr-') === true)
      assert.match(first?.spec?.username ?? '', /^system:bootstrap:[a-z0-9]{6}$/)
      assert.ok(first?.spec?.groups?.includes('system:bootstrappers:kubeadm:default-node-token'))
      const [approved] = first?.status?.conditions ?? []
      assert.deepEqual([approved?.type, approved?.reason], ['Approved', 'AutoApproved'])
    })

    it('renews both certificates without an end of its process, its watches or its Node', async () => {
      const pid = (): string => readFileSync(join(cluster.layout.run, `${name}-kubelet.pid`), 'utf8')
      const current = (prefix: string): string => readlinkSync(join(paths().pki, `${prefix}-current.pem`))
      const before = { pid: pid(), client: current('kubelet-client'), server: current('kubelet-server') }
      const serial = await servedSerial(address, 10250, ca())
      const versionsSeen = new Set<boolean>()
      await waitFor(
        async () => {
          versionsSeen.add(isReady(await cluster.client.get(nodes, name)))
          return current('kubelet-client') !== before.client && current('kubelet-server') !== before.server
        },
        { what: 'new certificates', timeoutMs: 60_000 },
      )
      await waitFor(async () => (await servedSerial(address, 10250, ca())) !== serial, { what: 'the new certificate' })
      assert.deepEqual([...versionsSeen], [true])
      assert.equal(pid(), before.pid)
      // What asked was the kubelet itself, by its own certificate.
      const { items } = await cluster.client.list(certificateSigningRequests)
      const own = items.filter(({ spec }) => spec?.username === `system:node:${name}`)
      for (const signer of ['kube-apiserver-client-kubelet', 'kubelet-serving']) {
        assert.ok(own.some(({ spec, status }) => spec?.signerName === `kubernetes.io/${signer}` && status?.certificate))
      }
    })

    it('tells how long its certificates live', async () => {
      const kubelet = createHttpTo({ server: `https://${address}:10250` }, pkiCredentials(cluster, 'admin'))
      const { text } = await kubelet('/metrics')
      const value = (metric: string): number => Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(text)?.[1])
      for (const which of ['client', 'server']) {
        const ttl = value(`kubelet_certificate_manager_${which}_ttl_seconds`)
        assert.ok(ttl > 0 && ttl <= 60, `${which} ${ttl}`)
      }
      assert.ok(value('kubelet_certificate_manager_server_rotation_seconds_count') >= 1)
      assert.equal(value('kubelet_certificate_manager_client_expiration_renew_errors'), 0)
    })
  })
}
