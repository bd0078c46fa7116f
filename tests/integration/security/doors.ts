/** The doors of etcd, the kubelet, the controller manager and the scheduler; and the keys to them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { EtcdClient } from '../../../component-base/etcd/client.ts'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttpTo, type Http, kubeletCredentials, pkiCredentials } from '../../harness/http.ts'

/** All files below a directory. */
const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
  })

export const describeDoors = (running: () => TestCluster): void => {
  describe('the door of', () => {
    let cluster: TestCluster
    const pem = (name: string): string => readFileSync(join(cluster.layout.pki, name), 'utf8')

    before(() => {
      cluster = running()
    })

    it('etcd opens to the API server alone: a certificate of its own CA is needed', async () => {
      const endpoints = [`https://127.0.0.1:${cluster.config().controlPlane.etcdPort}`]
      const read = async (identity: { cert?: string; key?: string }): Promise<unknown> => {
        using client = new EtcdClient({ endpoints, tls: { ca: pem('etcd/ca.crt'), ...identity } })
        return await client.range({ key: Buffer.from('/'), countOnly: true }, { timeoutMs: 3_000 })
      }
      await read(pkiCredentials(cluster, 'apiserver-etcd-client'))
      await assert.rejects(read({}))
      for (const name of ['admin', 'super-admin', 'scheduler', 'controller-manager', 'apiserver-kubelet-client']) {
        await assert.rejects(read(pkiCredentials(cluster, name)), `the certificate of ${name}`)
      }
      await assert.rejects(read(pkiCredentials(cluster, 'front-proxy-client')))
      for (const { name } of cluster.nodes()) {
        await assert.rejects(read(kubeletCredentials(cluster, name)), `the certificate of ${name}`)
      }
      const stranger = await issueCertificate(await createCa('etcd-ca'), {
        commonName: 'kube-apiserver-etcd-client',
        usages: ['client'],
        days: 1,
      })
      await assert.rejects(read({ cert: stranger.certPem, key: stranger.keyPem }))
    })

    it('etcd’s metrics is on the loopback address alone, and shows no key', async () => {
      const { etcdMetricsPort } = cluster.config().controlPlane
      const path = `:${etcdMetricsPort}/metrics`
      assert.match(await (await fetch(`http://127.0.0.1${path}`)).text(), /^etcd_server_version/m)
      const [node] = cluster.nodes()
      const machine = node?.address.replace(/\.\d+$/, '.1')
      await assert.rejects(fetch(`http://${machine}${path}`), /fetch failed/)
    })

    it('the kubelet opens to who may: the API server, not strangers, not just any user', async () => {
      const [node] = cluster.nodes()
      const kubelet = createHttpTo({ server: `https://${node?.address}:10250`, ca: pem('ca.crt') })
      for (const path of ['/pods', '/metrics', '/healthz', '/exec/default/p/c?command=id', '/no/such/path']) {
        const { code, text } = await kubelet(path)
        assert.equal(code, 401, path)
        assert.equal(text.trim(), 'Unauthorized')
      }
      const token = (await cluster.kubectl('create', 'token', 'default')).trim()
      const refused = await kubelet('/pods', { token })
      assert.equal(refused.code, 403)
      assert.match(
        refused.text,
        /^Forbidden \(user=system:serviceaccount:default:default, verb=get, resource=nodes, subresource\(s\)=\[pods proxy\]\)/,
      )
      const apiServer = pkiCredentials(cluster, 'apiserver-kubelet-client')
      assert.equal((await kubelet('/pods', apiServer)).code, 200)
    })

    it('the controller manager and the scheduler shows strangers their health alone', async () => {
      const { controllerManagerPort, schedulerPort } = cluster.config().controlPlane
      for (const port of [controllerManagerPort, schedulerPort]) {
        const http: Http = createHttpTo({ server: `https://127.0.0.1:${port}` })
        assert.equal((await http('/healthz')).text, 'ok')
        assert.equal((await http('/metrics')).code, 403)
        assert.equal((await http('/metrics', { token: 'nonsense' })).code, 401)
        assert.equal((await http('/metrics', pkiCredentials(cluster, 'scheduler'))).code, 403)
        const admin = pkiCredentials(cluster, 'admin')
        const metrics = await http('/metrics', admin)
        assert.equal(metrics.code, 200)
        assert.match(metrics.text, /^process_cpu_seconds_total /m)
      }
    })

    it('the machine has keys that only root may read', () => {
      const { layout } = cluster
      const nodes = cluster.nodes().map(({ name }) => layout.node(name))
      const secret = [
        ...filesBelow(layout.pki).filter((file) => file.endsWith('.key')),
        ...nodes.flatMap(({ pki }) => filesBelow(pki)).filter((file) => /\.(key|pem)$/.test(file)),
        join(layout.pki, 'bootstrap-token.json'),
        layout.adminConf,
        layout.superAdminConf,
        layout.controllerManagerConf,
        layout.schedulerConf,
        ...nodes.flatMap(({ kubeletConf, bootstrapConf, proxyConf }) => [kubeletConf, bootstrapConf, proxyConf]),
      ]
      assert.ok(secret.length > 15)
      for (const file of secret) assert.equal(statSync(file).mode & 0o077, 0, file)
      const store = ['.', ...readdirSync(layout.etcd, { recursive: true, encoding: 'utf8' })]
      assert.ok(store.some((file) => file.endsWith('.log')))
      for (const file of store) assert.equal(statSync(join(layout.etcd, file)).mode & 0o077, 0, file)
    })

    it('secrets stays shut in the logs', async () => {
      const value = 'a-very-secret-value'
      await cluster.kubectl('create', 'secret', 'generic', 'logged', `--from-literal=key=${value}`)
      const token = (await cluster.kubectl('create', 'token', 'default')).trim()
      for (const file of filesBelow(cluster.layout.logs)) {
        const text = readFileSync(file, 'utf8')
        for (const text64 of [value, Buffer.from(value).toString('base64'), token])
          assert.ok(!text.includes(text64), file)
      }
    })
  })
}
