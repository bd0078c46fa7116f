/** A kubelet that is killed again and again while it waits for its first certificate; and the tokens of joining. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { isReason } from '../../../api/meta/status-error.ts'
import { certificateSigningRequests, clusterRoleBindings, configMaps, secrets } from '../../../api/resources.ts'
import type { CertificateSigningRequest, Secret } from '../../../api/types.ts'
import { projectRoot } from '../../../deploy/layout.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, createHttpTo } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const group = 'system:bootstrappers:waiting'
const nodeName = 'lonely'

const tokenSecret = (id: string, value: string, more: Record<string, string>): Secret => ({
  metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
  type: 'bootstrap.kubernetes.io/token',
  stringData: { 'token-id': id, 'token-secret': value, ...more },
})

export const describeBootstrap = (running: () => TestCluster): void => {
  describe('TLS bootstrap', () => {
    let cluster: TestCluster
    const directory = mkdtempSync(join(tmpdir(), 'kubets-bootstrap-'))
    const pki = join(directory, 'pki')
    const kubeconfig = join(directory, 'kubelet.conf')
    const children = new Set<ChildProcess>()

    before(async () => {
      cluster = running()
      mkdirSync(join(directory, 'cni'))
      // May ask, but is not approved by itself.
      await cluster.client.create(clusterRoleBindings, {
        metadata: { name: 'waiting' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-bootstrapper' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
      })
      const facts = { 'usage-bootstrap-authentication': 'true', 'auth-extra-groups': group }
      await cluster.client.create(secrets, tokenSecret('waiter', 'abcdef0123456789', facts))
      const bootstrap = {
        clusters: [
          {
            name: 'c',
            cluster: { server: cluster.server, 'certificate-authority': join(cluster.layout.pki, 'ca.crt') },
          },
        ],
        users: [{ name: 'u', user: { token: 'waiter.abcdef0123456789' } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }
      writeFileSync(join(directory, 'bootstrap.conf'), dump(bootstrap))
    })
    after(async () => {
      for (const child of children) await kill(child)
      rmSync(directory, { recursive: true, force: true })
    })

    const startKubelet = (): ChildProcess => {
      const flags = {
        kubeconfig,
        'bootstrap-kubeconfig': join(directory, 'bootstrap.conf'),
        'hostname-override': nodeName,
        'root-dir': join(directory, 'root'),
        'cert-dir': pki,
        'cni-conf-dir': join(directory, 'cni'),
        'register-node': 'false',
        'healthz-port': '0',
      }
      const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
      const child = spawn(process.execPath, [join(projectRoot, 'kubelet/main.ts'), ...args], { stdio: 'ignore' })
      children.add(child)
      return child
    }
    const kill = (child: ChildProcess): Promise<void> =>
      new Promise((resolve) => {
        children.delete(child)
        if (child.exitCode !== null) return resolve()
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      })
    const requests = async (): Promise<CertificateSigningRequest[]> => {
      const { items } = await cluster.client.list(certificateSigningRequests)
      return items.filter(({ spec }) => spec?.username === 'system:bootstrap:waiter')
    }
    const keyFile = join(pki, 'kubelet-client.key.tmp')

    it('asks one question with one key, however often it is killed', async () => {
      const first = startKubelet()
      await waitFor(() => existsSync(keyFile), { what: 'the key' })
      await kill(first)
      const key = readFileSync(keyFile, 'utf8')
      for (let life = 0; life < 2; life++) {
        const child = startKubelet()
        await waitFor(async () => (await requests()).length > 0, { what: 'the request' })
        await kill(child)
      }
      assert.equal(readFileSync(keyFile, 'utf8'), key)
      const [request, ...others] = await requests()
      assert.deepEqual(others, [])
      assert.ok(!existsSync(kubeconfig))
      // Approved while nobody waits for it.
      await cluster.kubectl('certificate', 'approve', request?.metadata?.name ?? '')
      const last = startKubelet()
      await waitFor(() => existsSync(kubeconfig), { what: 'the kubeconfig' })
      assert.ok(!existsSync(keyFile))
      assert.equal((await requests()).length, 1)
      const pem = readFileSync(join(pki, 'kubelet-client-current.pem'), 'utf8')
      assert.ok(pem.includes(key.trim()))
      const self = await createHttp(cluster, { cert: pem, key: pem })(
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        { method: 'POST', body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } },
      )
      assert.match(self.text, /"username":"system:node:lonely"/)
      assert.match(self.text, /"system:nodes"/)
      await kill(last)
    })

    it('lets whoever knows a token check what an anonymous read of cluster-info says', async () => {
      const anonymous = createHttpTo({ server: cluster.server })
      const token = JSON.parse(readFileSync(join(cluster.layout.pki, 'bootstrap-token.json'), 'utf8')) as {
        id: string
        secret: string
      }
      const read = async (): Promise<Record<string, string>> =>
        (await anonymous('/api/v1/namespaces/kube-public/configmaps/cluster-info')).json['data'] as never
      const data = await waitFor(
        async () => {
          const known = await read()
          return known[`jws-kubeconfig-${token.id}`] === undefined ? undefined : known
        },
        { what: 'the signature' },
      )
      const [header = '', payload, signature] = (data[`jws-kubeconfig-${token.id}`] ?? '').split('.')
      assert.equal(payload, '')
      assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), { alg: 'HS256', kid: token.id })
      const content = Buffer.from(data['kubeconfig'] ?? '').toString('base64url')
      const wanted = createHmac('sha256', token.secret).update(`${header}.${content}`).digest('base64url')
      assert.equal(signature, wanted)
      assert.equal((await anonymous('/api/v1/namespaces/kube-public/configmaps')).code, 401)
      // A token that may not sign has no signature.
      assert.equal(data['jws-kubeconfig-waiter'], undefined)
    })

    it('ends with the token: its Secret and its signature go', async () => {
      const end = new Date(Date.now() + 2_000).toISOString()
      const facts = { 'usage-bootstrap-signing': 'true', expiration: end }
      await cluster.client.create(secrets, tokenSecret('brieff', '0123456789abcdef', facts))
      const signature = async (): Promise<string | undefined> =>
        (await cluster.client.get(configMaps, 'cluster-info', 'kube-public')).data?.['jws-kubeconfig-brieff']
      await waitFor(signature, { what: 'the signature' })
      await waitFor(
        () =>
          cluster.client.get(secrets, 'bootstrap-token-brieff', 'kube-system').then(
            () => false,
            (error: unknown) => isReason(error, 'NotFound'),
          ),
        { what: 'the end of the token' },
      )
      await waitFor(async () => (await signature()) === undefined, { what: 'the end of the signature' })
    })
  })
}
