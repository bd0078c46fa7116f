/** What users of kubectl ask for beyond what is theirs: tokens, certificates, roles. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { createCertificateRequest, generateEcKey } from '../../../component-base/pki/certificate-request.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { writeTokenKubeconfig } from '../../harness/kubeconfig.ts'
import { createKubectl, type Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'

const namespace = 'requests'
const signer = 'kubernetes.io/kube-apiserver-client'
const group = 'certificates.k8s.io'
const me = `system:serviceaccount:${namespace}:asker`

const requestOf = async (name: string, organizations: readonly string[], more: object = {}): Promise<string> => {
  const subject = { commonName: name, organizations, dnsNames: [], ips: [] }
  const pem = createCertificateRequest(await generateEcKey(), subject)
  return JSON.stringify({
    apiVersion: `${group}/v1`,
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request: Buffer.from(pem).toString('base64'), signerName: signer, usages: ['client auth'], ...more },
  })
}

export const describeRequests = (running: () => TestCluster): void => {
  describe('a user who asks for more', () => {
    let admin: Kubectl
    /** May ask for certificates and touch their approval, but approve for no signer; and change roles. */
    let asker: Kubectl

    before(async () => {
      const cluster = running()
      admin = cluster.kubectl
      await admin('create', 'namespace', namespace)
      await admin('-n', namespace, 'create', 'serviceaccount', 'asker')
      const rule = (apiGroup: string, verbs: string[], ...resources: string[]) => ({
        apiGroups: [apiGroup],
        resources,
        verbs,
      })
      const rbac = 'rbac.authorization.k8s.io'
      const role = {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRole',
        metadata: { name: 'asker' },
        rules: [
          rule(group, ['create', 'get', 'list', 'update', 'patch'], 'certificatesigningrequests'),
          rule(group, ['update', 'patch'], 'certificatesigningrequests/approval'),
          rule(rbac, ['get', 'create', 'update', 'patch'], 'roles', 'rolebindings'),
          rule('', ['get'], 'serviceaccounts', 'namespaces'),
        ],
      }
      await admin.withInput(JSON.stringify(role), 'create', '-f', '-')
      await admin('create', 'clusterrolebinding', 'asker', '--clusterrole=asker', `--serviceaccount=${namespace}:asker`)
      const token = (await admin('-n', namespace, 'create', 'token', 'asker')).trim()
      asker = createKubectl(writeTokenKubeconfig(cluster, token))
      await waitFor(async () => (await asker.run(['auth', 'can-i', 'create', 'csr'])).code === 0, { what: 'the role' })
    })

    it('is who it is, and may what it may', async () => {
      assert.match(await asker('auth', 'whoami'), new RegExp(`Username +${me}\\n`))
      const list = await asker('auth', 'can-i', '--list', '-n', namespace)
      assert.match(list, /certificatesigningrequests\.certificates\.k8s\.io\/approval +\[\] +\[\] +\[update patch\]/)
      assert.equal((await asker.run(['auth', 'can-i', '*', '*'])).stdout, 'no\n')
    })

    it('gets no token of another account', async () => {
      for (const account of ['default', 'asker']) {
        const { code, stderr } = await asker.run(['-n', namespace, 'create', 'token', account])
        assert.equal(code, 1)
        assert.ok(
          stderr.includes(
            `serviceaccounts "${account}" is forbidden: User "${me}" cannot create resource "serviceaccounts/token" in API group "" in the namespace "${namespace}"`,
          ),
          stderr,
        )
      }
    })

    it('approves no certificate, also where it may touch the approval', async () => {
      await asker.withInput(await requestOf('mine', ['friends']), 'create', '-f', '-')
      const { code, stderr } = await asker.run(['certificate', 'approve', 'mine'])
      assert.equal(code, 1)
      assert.ok(
        stderr.includes(
          `certificatesigningrequests.${group} "mine" is forbidden: user not permitted to approve requests with signerName "${signer}"`,
        ),
        stderr,
      )
      assert.match(await admin('get', 'csr', 'mine'), /Pending\n/)
    })

    it('asks for itself alone: who asks is written down by the server', async () => {
      const forged = { username: 'system:admin', groups: ['system:masters'], uid: '0' }
      await asker.withInput(await requestOf('forged', ['friends'], forged), 'create', '-f', '-')
      const { spec } = await admin.json<{ spec: { username: string; groups: string[] } }>('get', 'csr', 'forged')
      assert.equal(spec.username, me)
      assert.ok(!spec.groups.includes('system:masters'))
    })

    it('cannot become a master by certificate', async () => {
      const { stderr } = await asker.run(['create', '-f', '-'], {
        input: await requestOf('master', ['system:masters']),
      })
      assert.ok(
        stderr.includes(
          `certificatesigningrequests.${group} "master" is forbidden: use of ${signer} signer with system:masters group is not allowed`,
        ),
        stderr,
      )
    })

    it('reconciles no role that it does not hold', async () => {
      const role = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'more', namespace },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
      }
      const { code, stderr } = await asker.run(['auth', 'reconcile', '-f', '-'], { input: JSON.stringify(role) })
      assert.equal(code, 1)
      assert.match(
        stderr,
        /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
      )
    })
  })
}
