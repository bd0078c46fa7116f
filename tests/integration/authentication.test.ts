/** Which credentials are taken, which refused, and what they make of a request. */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { type Credentials, createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-authentication-test-'))
const tokenFile = join(directory, 'tokens.csv')
writeFileSync(tokenFile, 'file-token,ann,uid-1,"devs,ops"\n')
after(() => rmSync(directory, { recursive: true }))

const running = useCluster({
  extraArgs: {
    'kube-apiserver': {
      'token-auth-file': tokenFile,
      'requestheader-uid-headers': 'X-Remote-Uid',
      'service-account-max-token-expiration': '2h',
    },
  },
})

interface UserInfo {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

const whoAmI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'

describe('authentication', () => {
  let http: Http
  let admin: Http
  const identify = async (who: Credentials, headers: Readonly<Record<string, string>> = {}): Promise<UserInfo> => {
    const { code, json, text } = await http(whoAmI, { method: 'POST', body: {}, ...who, headers })
    assert.equal(code, 201, text)
    return (json['status'] as { userInfo: UserInfo }).userInfo
  }
  const refuses = async (who: Credentials, headers: Readonly<Record<string, string>> = {}): Promise<void> => {
    const { code, status } = await http(whoAmI, { method: 'POST', body: {}, ...who, headers })
    assert.deepEqual([code, status.message], [401, 'Unauthorized'])
  }
  const issue = async (ca: string, commonName: string, organizations: readonly string[] = []): Promise<Credentials> => {
    const { cert = '', key = '' } = pkiCredentials(running(), ca)
    const pair = { certPem: cert, keyPem: key }
    const issued = await issueCertificate(pair, { commonName, organizations, usages: ['client'], days: 1 })
    return { cert: issued.certPem, key: issued.keyPem }
  }

  before(() => {
    const cluster = running()
    http = createHttp(cluster)
    admin = createHttp(cluster, pkiCredentials(cluster, 'super-admin'))
  })

  it('knows the holder of a certificate, and which certificate it was', async () => {
    const credentials = await issue('ca', 'ann', ['devs', 'ops'])
    const { raw } = new X509Certificate(credentials.cert ?? '')
    assert.deepEqual(await identify(credentials), {
      username: 'ann',
      groups: ['devs', 'ops', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [`X509SHA256=${createHash('sha256').update(raw).digest('hex')}`],
      },
    })
  })

  it('knows tokens of the token file', async () => {
    assert.deepEqual(await identify({ token: 'file-token' }), {
      username: 'ann',
      uid: 'uid-1',
      groups: ['devs', 'ops', 'system:authenticated'],
    })
    await refuses({ token: 'file-tokem' })
    await refuses({ token: 'file-token2' })
  })

  it('takes the word of the front proxy, and of nobody else', async () => {
    const proxy = pkiCredentials(running(), 'front-proxy-client')
    const headers = {
      'X-Remote-User': 'jane',
      'X-Remote-Uid': 'uid-7',
      'X-Remote-Group': 'devs',
      'X-Remote-Extra-Acme.com%2FProject': 'x',
      'X-Remote-Extra-bad%zz': 'y',
    }
    assert.deepEqual(await identify(proxy, headers), {
      username: 'jane',
      uid: 'uid-7',
      groups: ['devs', 'system:authenticated'],
      extra: { 'acme.com/project': ['x'], 'bad%zz': ['y'] },
    })
    // Another name that the proxy's CA signed, a client of the client CA, and the proxy without a user to speak for.
    await refuses(await issue('front-proxy-ca', 'somebody-else'), headers)
    const client = await identify(await issue('ca', 'mallory'), headers)
    assert.equal(client.username, 'mallory')
    await refuses(proxy)
  })

  it('takes bad credentials for no reason to be anonymous', async () => {
    await refuses({ token: 'nonsense' })
    await refuses(await issue('etcd/ca', 'ann'))
    const { code } = await http('/livez')
    assert.equal(code, 200)
    const bad = await http('/livez', { token: 'nonsense' })
    assert.equal(bad.code, 401)
  })

  it('warns of a space too many before a token', async () => {
    const { code, headers } = await http('/livez', { headers: { authorization: 'Bearer  file-token' } })
    assert.equal(code, 200)
    assert.match(String(headers['warning']), /contains extra space before the bearer token, and is ignored/)
  })

  it('reviews tokens: whose they are, for whom, and why not', async () => {
    const review = async (spec: object): Promise<Record<string, unknown>> => {
      const { json, text } = await admin('/apis/authentication.k8s.io/v1/tokenreviews', {
        method: 'POST',
        body: { spec },
      })
      assert.ok(json['status'], text)
      return json['status'] as Record<string, unknown>
    }
    const accounts = '/api/v1/namespaces/default/serviceaccounts'
    await admin(accounts, { method: 'POST', body: { metadata: { name: 'robot' } } })
    const issueToken = async (spec: object): Promise<string> => {
      const { json, text } = await admin(`${accounts}/robot/token`, { method: 'POST', body: { spec } })
      assert.ok(json['status'], text)
      return (json['status'] as { token: string }).token
    }
    const vault = await issueToken({ audiences: ['vault', 'db'] })
    const seen = await review({ token: vault, audiences: ['vault', 'other'] })
    assert.equal(seen['authenticated'], true)
    assert.deepEqual(seen['audiences'], ['vault'])
    assert.equal((seen['user'] as UserInfo).username, 'system:serviceaccount:default:robot')
    const wrong = await review({ token: vault })
    assert.equal(wrong['authenticated'], undefined)
    assert.match(
      String(wrong['error']),
      /^\[invalid bearer token, token audiences \["vault" "db"\] is invalid for the target/,
    )
    await refuses({ token: vault })
    assert.deepEqual(await review({ token: 'nonsense' }), { user: {}, error: 'invalid bearer token' })
    assert.equal((await review({ token: 'file-token', audiences: ['other'] }))['authenticated'], undefined)
    assert.equal((await review({ token: 'file-token' }))['authenticated'], true)

    const own = await issueToken({})
    assert.equal((await identify({ token: own })).username, 'system:serviceaccount:default:robot')
    await admin(`${accounts}/robot`, { method: 'DELETE' })
    await refuses({ token: own })
    const gone = await review({ token: own })
    assert.equal(gone['error'], '[invalid bearer token, serviceaccounts "robot" not found]')
  })

  it('takes tokens of Secrets, notes their use, and refuses those that are marked', async () => {
    const base = '/api/v1/namespaces/default'
    await admin(`${base}/serviceaccounts`, { method: 'POST', body: { metadata: { name: 'old' } } })
    await admin(`${base}/secrets`, {
      method: 'POST',
      body: {
        metadata: { name: 'old-token', annotations: { 'kubernetes.io/service-account.name': 'old' } },
        type: 'kubernetes.io/service-account-token',
      },
    })
    interface Secret {
      readonly data?: { readonly token?: string }
      readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
    }
    const secret = async (): Promise<Secret> => (await admin(`${base}/secrets/old-token`)).json as unknown as Secret
    const token = await waitFor(async () => (await secret()).data?.token, { what: 'the token of the Secret' })
    const credentials = { token: Buffer.from(token, 'base64').toString() }
    assert.equal((await identify(credentials)).username, 'system:serviceaccount:default:old')
    const used = await waitFor(async () => (await secret()).metadata.labels?.['kubernetes.io/legacy-token-last-used'], {
      what: 'the day of its use',
    })
    assert.match(used, /^\d{4}-\d\d-\d\d$/)
    await admin(`${base}/secrets/old-token`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } } },
    })
    await refuses(credentials)
  })

  it('lets users act as others where they may, by constrained verbs or the old one', async () => {
    const impersonating = (headers: Readonly<Record<string, string>>, who: Credentials = { token: 'file-token' }) =>
      http('/api/v1/namespaces/default/pods', { ...who, headers })
    const denied = await impersonating({ 'Impersonate-User': 'jane' })
    assert.equal(denied.code, 403)
    assert.equal(
      denied.status.message,
      'pods is forbidden: User "ann" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"',
    )
    const grant = async (name: string, rules: readonly object[], subject: object): Promise<void> => {
      const rbac = '/apis/rbac.authorization.k8s.io/v1'
      await admin(`${rbac}/clusterroles`, { method: 'POST', body: { metadata: { name }, rules } })
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }
      const binding = { metadata: { name }, roleRef, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', ...subject }] }
      await admin(`${rbac}/clusterrolebindings`, { method: 'POST', body: binding })
    }
    await grant('pod-lister', [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }], {
      kind: 'User',
      name: 'jane',
    })
    await grant(
      'be-jane',
      [
        {
          apiGroups: ['authentication.k8s.io'],
          resources: ['users'],
          resourceNames: ['jane'],
          verbs: ['impersonate:user-info'],
        },
        { apiGroups: [''], resources: ['pods'], verbs: ['impersonate-on:user-info:list'] },
      ],
      { kind: 'User', name: 'ann' },
    )
    await waitFor(async () => (await impersonating({ 'Impersonate-User': 'jane' })).code === 200, {
      what: 'the role to count',
    })
    const other = await http('/api/v1/namespaces/default/services', {
      token: 'file-token',
      headers: { 'Impersonate-User': 'jane' },
    })
    assert.match(other.status.message ?? '', /cannot impersonate-on:user-info:list resource "services"/)
    const group = await impersonating({ 'Impersonate-Group': 'g' })
    assert.equal(group.code, 400)
    assert.match(group.status.message ?? '', /without impersonating a user name$/)
    const asMaster = await identify(pkiCredentials(running(), 'super-admin'), {
      'Impersonate-User': 'x',
      'Impersonate-Group': 'system:masters',
      'Impersonate-Uid': 'u',
    })
    assert.deepEqual(asMaster, { username: 'x', uid: 'u', groups: ['system:masters', 'system:authenticated'] })
  })

  it('issues tokens within bounds, to the account that is meant', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts'
    const { json: account } = await admin(accounts, { method: 'POST', body: { metadata: { name: 'bounded' } } })
    const { uid } = account['metadata'] as { uid: string }
    const ask = (body: object) => admin(`${accounts}/bounded/token`, { method: 'POST', body })
    const refused: readonly (readonly [body: object, code: number, message: RegExp])[] = [
      [{ spec: { expirationSeconds: 599 } }, 422, /may not specify a duration less than 10 minutes/],
      [{ spec: { expirationSeconds: 2 ** 32 + 1 } }, 422, /may not specify a duration larger than 2\^32 seconds/],
      [{ metadata: { name: 'other' }, spec: {} }, 422, /must match the service account name if specified/],
      [{ metadata: { uid: 'other' }, spec: {} }, 409, /does not match the UID of the service account/],
      [{ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } } }, 404, /pods "none" not found/],
      [
        { spec: { boundObjectRef: { kind: 'Service', apiVersion: 'v1', name: 'x' } } },
        400,
        /cannot bind token to object/,
      ],
    ]
    for (const [body, code, message] of refused) {
      const answer = await ask(body)
      assert.equal(answer.code, code, answer.text)
      assert.match(answer.status.message ?? '', message)
    }
    const long = await ask({ metadata: { uid }, spec: { expirationSeconds: 10_000 } })
    assert.equal(long.code, 201)
    assert.match(String(long.headers['warning']), /requested expiration of 10000 seconds shortened to 7200 seconds/)
    assert.equal((long.json['spec'] as { expirationSeconds: number }).expirationSeconds, 7200)
    assert.equal((long.json['metadata'] as { uid: string }).uid, uid)
  })

  it('takes up another client CA while it runs, and lets go of it', async () => {
    const path = join(running().layout.pki, 'ca.crt')
    const before = readFileSync(path, 'utf8')
    const ca = await createCa('another')
    const issued = await issueCertificate(ca, { commonName: 'newcomer', usages: ['client'], days: 1 })
    const credentials = { cert: issued.certPem, key: issued.keyPem }
    await refuses(credentials)
    const answers = async (wanted: number) => {
      const { code } = await http(whoAmI, { method: 'POST', body: {}, ...credentials })
      return code === wanted
    }
    try {
      writeFileSync(path, `${before}${ca.certPem}`)
      await waitFor(() => answers(201), { what: 'the new CA to count' })
      assert.equal((await identify(credentials)).username, 'newcomer')
    } finally {
      writeFileSync(path, before)
    }
    await waitFor(() => answers(401), { what: 'the CA to count no more' })
    assert.equal((await identify(pkiCredentials(running(), 'admin'))).username, 'kubernetes-admin')
  })

  it('serves the documents of its issuer', async () => {
    const { json } = await admin('/.well-known/openid-configuration')
    assert.equal(json['issuer'], 'https://kubernetes.default.svc.cluster.local')
    assert.deepEqual(json['response_types_supported'], ['id_token'])
    const keys = (await admin('/openid/v1/jwks')).json['keys'] as { kid: string; alg: string; use: string }[]
    assert.equal(keys.length, 1)
    assert.deepEqual([keys[0]?.alg, keys[0]?.use], ['RS256', 'sig'])
  })
})
