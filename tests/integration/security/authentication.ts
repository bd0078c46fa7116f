/** Who is believed to be who: certificates, tokens, and when they cease to count. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { nodes, pods, secrets, serviceAccounts } from '../../../api/resources.ts'
import type { TokenRequest } from '../../../api/types.ts'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Credentials, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const whoAmI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const review = {
  method: 'POST',
  body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
} as const

interface Identity {
  readonly username: string
  readonly groups?: readonly string[]
}

export const describeAuthentication = (running: () => TestCluster): void => {
  describe('authentication', () => {
    let http: Http
    let kubectl: TestCluster['kubectl']
    let client: TestCluster['client']
    const identify = async (who: Credentials): Promise<Identity> => {
      const { code, json } = await http(whoAmI, { ...review, ...who })
      assert.equal(code, 201, JSON.stringify(json))
      return (json['status'] as { userInfo: Identity }).userInfo
    }

    before(() => {
      const cluster = running()
      http = createHttp(cluster)
      kubectl = cluster.kubectl
      client = cluster.client
    })

    it('lets anonymous clients see health and version, and nothing else', async () => {
      for (const path of ['/livez', '/readyz', '/healthz', '/version']) assert.equal((await http(path)).code, 200, path)
      for (const path of ['/', '/api', '/apis', '/openapi/v3', '/metrics', '/api/v1/namespaces', '/no/such/path']) {
        const { code, status } = await http(path)
        assert.equal(code, 401, path)
        assert.equal(status.reason, 'Unauthorized')
      }
    })

    it('knows the holder of a certificate by its names', async () => {
      const admin = await identify(pkiCredentials(running(), 'admin'))
      assert.equal(admin.username, 'kubernetes-admin')
      assert.deepEqual(admin.groups, ['kubeadm:cluster-admins', 'system:authenticated'])
    })

    it('refuses certificates of another CA, of a wrong use, and outdated ones', async () => {
      const cluster = running()
      const request = { commonName: 'kubernetes-admin', organizations: ['system:masters'], days: 1 }
      const cas = {
        'a CA of nobody': await createCa('kubernetes'),
        'the CA of etcd': pemOf(pkiCredentials(cluster, 'etcd/ca')),
        'the CA of the front proxy': pemOf(pkiCredentials(cluster, 'front-proxy-ca')),
      }
      for (const [name, ca] of Object.entries(cas)) {
        const { certPem: cert, keyPem: key } = await issueCertificate(ca, { ...request, usages: ['client'] })
        const { code } = await http(whoAmI, { ...review, cert, key })
        assert.ok(code === 401 || code === 403, `${name}: ${code}`)
      }
      const ca = pemOf(pkiCredentials(cluster, 'ca'))
      const server = await issueCertificate(ca, { ...request, usages: ['server'] })
      const wrongUse = await http(whoAmI, { ...review, cert: server.certPem, key: server.keyPem })
      assert.equal(wrongUse.code, 401)
      const old = await issueCertificate(ca, { ...request, days: -1 / 24 / 60, usages: ['client'] })
      const outdated = await http(whoAmI, { ...review, cert: old.certPem, key: old.keyPem })
      assert.equal(outdated.code, 401)
      assert.equal(outdated.status.reason, 'Unauthorized')
    })

    it('refuses tokens that are nonsense, forged, for somebody else, or of another kind', async () => {
      await kubectl('create', 'serviceaccount', 'teller')
      const token = (await kubectl('create', 'token', 'teller')).trim()
      assert.equal((await identify({ token })).username, 'system:serviceaccount:default:teller')
      const [head = '', body = '', signature = ''] = token.split('.')
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
      const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
      const forged = encoded({ ...claims, sub: 'system:serviceaccount:kube-system:generic-garbage-collector' })
      const other = (await kubectl('create', 'token', 'teller', '--audience=https://elsewhere.example.com')).trim()
      const cases = {
        nonsense: 'nonsense',
        'other claims': [head, forged, signature].join('.'),
        'no signature': [encoded({ alg: 'none', typ: 'JWT' }), body, ''].join('.'),
        'cut off': [head, body, signature.slice(0, -8)].join('.'),
        'for another audience': other,
      }
      for (const [name, wrong] of Object.entries(cases)) {
        assert.equal((await http(whoAmI, { ...review, token: wrong })).code, 401, name)
      }
    })

    it('forgets the token of a deleted ServiceAccount, also when another of its name comes', async () => {
      await kubectl('create', 'serviceaccount', 'leaver')
      const token = (await kubectl('create', 'token', 'leaver')).trim()
      assert.equal((await identify({ token })).username, 'system:serviceaccount:default:leaver')
      await client.delete(serviceAccounts, 'leaver', 'default')
      assert.equal((await http(whoAmI, { ...review, token })).code, 401)
      await kubectl('create', 'serviceaccount', 'leaver')
      assert.equal((await http(whoAmI, { ...review, token })).code, 401)
    })

    it('binds a token to a Pod, and forgets it with the Pod', async () => {
      const spec = { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none:1' }] }
      await client.create(pods, { metadata: { namespace: 'default', name: 'holder' }, spec })
      const bind = ['--bound-object-kind=Pod', '--bound-object-name=holder']
      const token = (await kubectl('create', 'token', 'default', ...bind)).trim()
      const identity = (await identify({ token })) as Identity & { extra: Record<string, string[]> }
      assert.deepEqual(identity.extra['authentication.kubernetes.io/pod-name'], ['holder'])
      await client.delete(pods, 'holder', 'default')
      await waitFor(async () => (await http(whoAmI, { ...review, token })).code === 401, { what: 'the token to end' })
    })

    it('binds a token to a Secret or a Node, and forgets it with that', async () => {
      await client.create(secrets, { metadata: { namespace: 'default', name: 'bond' } })
      await client.create(nodes, { metadata: { name: 'bond' } })
      const account = '/api/v1/namespaces/default/serviceaccounts/default/token'
      for (const kind of ['Secret', 'Node']) {
        const boundObjectRef = { kind, apiVersion: 'v1', name: 'bond' }
        const answer = (await client.raw('POST', account, { spec: { boundObjectRef } })) as TokenRequest
        const token = answer.status?.token ?? ''
        assert.equal((await identify({ token })).username, 'system:serviceaccount:default:default')
        if (kind === 'Secret') await client.delete(secrets, 'bond', 'default')
        else await client.delete(nodes, 'bond')
        await waitFor(async () => (await http(whoAmI, { ...review, token })).code === 401, {
          what: `the token to end with its ${kind}`,
        })
      }
    })

    it('reviews tokens for others, by audience', async () => {
      const token = (await kubectl('create', 'token', 'default', '--audience=vault')).trim()
      const admin = createHttp(running(), pkiCredentials(running(), 'admin'))
      const ask = async (audiences: string[]) => {
        const body = {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences },
        }
        const { json } = await admin('/apis/authentication.k8s.io/v1/tokenreviews', { method: 'POST', body })
        return json['status'] as { authenticated?: boolean; user?: Identity; audiences?: string[]; error?: string }
      }
      const known = await ask(['vault', 'other'])
      assert.equal(known.authenticated, true)
      assert.equal(known.user?.username, 'system:serviceaccount:default:default')
      assert.deepEqual(known.audiences, ['vault'])
      assert.notEqual((await ask(['other'])).authenticated, true)
    })

    it('lets nobody impersonate without permission, and the administrator anybody', async () => {
      const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'developers' }
      const admin = createHttp(running(), pkiCredentials(running(), 'admin'))
      const jane = await admin(whoAmI, { ...review, headers: { ...headers, 'content-type': 'application/json' } })
      const { userInfo } = jane.json['status'] as { userInfo: Identity }
      assert.equal(userInfo.username, 'jane')
      assert.deepEqual(userInfo.groups, ['developers', 'system:authenticated'])
      const token = (await kubectl('create', 'token', 'teller')).trim()
      const refused = await http('/api/v1/namespaces', { token, headers })
      assert.equal(refused.code, 403)
      assert.match(
        refused.status.message ?? '',
        /^namespaces is forbidden: User "system:serviceaccount:default:teller" cannot impersonate-on:user-info:list resource "namespaces" in API group "" at the cluster scope$/,
      )
      const anonymous = await http('/api/v1/namespaces', { headers })
      assert.equal(anonymous.code, 401)
    })

    it('believes the headers of the front proxy only from the front proxy', async () => {
      const headers = { 'x-remote-user': 'kubernetes-admin', 'x-remote-group': 'system:masters' }
      assert.equal((await http('/api/v1/namespaces', { headers })).code, 401)
      const proxy = pkiCredentials(running(), 'front-proxy-client')
      assert.equal((await http('/api/v1/namespaces', { ...proxy, headers })).code, 200)
      const scheduler = pkiCredentials(running(), 'scheduler')
      const { username } = (
        (await http(whoAmI, { ...scheduler, ...review, headers: { ...headers, 'content-type': 'application/json' } }))
          .json['status'] as { userInfo: Identity }
      ).userInfo
      assert.equal(username, 'system:kube-scheduler')
    })
  })
}

const pemOf = ({ cert = '', key = '' }: Credentials): { certPem: string; keyPem: string } => ({
  certPem: cert,
  keyPem: key,
})
