/** `kubectl auth`, certificates, and what kubectl learns of the server. */
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { before, describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../../../api/types.ts'
import { createHttp } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Surface } from './surface.ts'

/** A new key, and the request to sign it for `user`. */
const requestFor = async (user: string): Promise<{ csr: string; key: string }> => {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${user},O=testers`,
    keys,
    signingAlgorithm: algorithm,
  })
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return { csr: request.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n` }
}

export const describeIdentity = (surface: Surface): void => {
  describe('identity and discovery', () => {
    let kubectl: Kubectl

    before(() => {
      kubectl = surface.running().kubectlOf(surface.binary)
    })

    it('tells who one is and what one may do', async () => {
      const { stdout, stderr } = await kubectl.run(['auth', 'whoami'])
      // kubectl 1.27 asks for beta versions of the review alone.
      if (!stderr.includes('v1beta1')) {
        assert.match(stdout, /Username +kubernetes-admin\nGroups +\[kubeadm:cluster-admins system:authenticated\]/)
      }
      assert.equal(await kubectl('auth', 'can-i', '*', '*', '--all-namespaces'), 'yes\n')
      const jane = await kubectl.run(['auth', 'can-i', 'get', 'pods', '--as=jane'])
      assert.equal(jane.stdout, 'no\n')
      assert.equal(jane.code, 1)
      assert.match(
        await kubectl('auth', 'can-i', '--list'),
        /Resources +Non-Resource URLs +Resource Names +Verbs\n\*\.\* +\[\] +\[\] +\[\*\]/,
      )
      const roles =
        'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reconciled}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n'
      assert.match(
        await kubectl.withInput(roles, 'auth', 'reconcile', '-f', '-'),
        /clusterrole.rbac.authorization.k8s.io\/reconciled reconciled/,
      )
    })

    it('signs a certificate request once it is approved, and never one that is denied', async () => {
      const user = `user-${surface.suffix}`
      const { csr, key } = await requestFor(user)
      const object = (name: string): string =>
        JSON.stringify({
          apiVersion: 'certificates.k8s.io/v1',
          kind: 'CertificateSigningRequest',
          metadata: { name },
          spec: {
            request: Buffer.from(csr).toString('base64'),
            signerName: 'kubernetes.io/kube-apiserver-client',
            usages: ['client auth'],
            expirationSeconds: 3600,
          },
        })
      await kubectl.withInput(object(user), 'create', '-f', '-')
      assert.match(
        await kubectl('get', 'csr', user),
        / kubernetes.io\/kube-apiserver-client +kubernetes-admin +60m +Pending\n/,
      )
      await kubectl('certificate', 'approve', user)
      const read = () => kubectl.json<CertificateSigningRequest>('get', 'csr', user)
      const encoded = await waitFor(async () => (await read()).status?.certificate, { what: 'the certificate' })
      assert.match(await kubectl('get', 'csr', user), /Approved,Issued\n/)
      const http = createHttp(surface.running(), { cert: Buffer.from(encoded, 'base64').toString(), key })
      const { json } = await http('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      })
      const { userInfo } = json['status'] as { userInfo: { username: string; groups: string[] } }
      assert.equal(userInfo.username, user)
      assert.deepEqual(userInfo.groups, ['testers', 'system:authenticated'])

      await kubectl.withInput(object(`${user}-denied`), 'create', '-f', '-')
      await kubectl('certificate', 'deny', `${user}-denied`)
      assert.match(await kubectl('get', 'csr', `${user}-denied`), /Denied\n/)
      const { stderr } = await kubectl.run(['certificate', 'approve', `${user}-denied`])
      assert.match(stderr, /is already Denied/)
      await kubectl('delete', 'csr', user, `${user}-denied`)
    })

    it('knows the versions and the resources of the server', async () => {
      const versions = (await kubectl('api-versions')).trim().split('\n')
      for (const version of ['v1', 'apps/v1', 'autoscaling/v1', 'autoscaling/v2', 'resource.k8s.io/v1']) {
        assert.ok(versions.includes(version), version)
      }
      const { stdout } = await kubectl.run(['version'])
      assert.match(stdout, /Server Version: .*v1\.36/)
      assert.match(await kubectl('cluster-info'), /is running at .*https:\/\//)
      const resources = await kubectl('api-resources', '--no-headers')
      assert.match(resources, /^deployments +deploy +apps\/v1 +true +Deployment$/m)
      assert.match(
        await kubectl('api-resources', '--api-group=apps', '-o', 'name'),
        /^controllerrevisions.apps\ndaemonsets.apps\n/,
      )
      assert.match(
        await kubectl('api-resources', '--namespaced=false', '-o', 'wide'),
        /^namespaces +ns +v1 +false +Namespace +create,delete,get,list,patch,update,watch/m,
      )
      assert.equal((await kubectl.run(['get', 'all', '-A'])).code, 0)
    })
  })
}
