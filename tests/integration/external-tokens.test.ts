/** Tokens that others issue: OpenID issuers of an AuthenticationConfiguration, and a webhook that reviews the rest. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { startIssuer } from '../../apiserver/authentication/jwt/issuer-fixture.ts'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-tokens-test-'))
const configFile = join(directory, 'authentication.yaml')
const webhookFile = join(directory, 'webhook.conf')
const issuer = await startIssuer()
const second = await startIssuer()

interface Review {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: { readonly token: string; readonly audiences: readonly string[] }
}

/** Reviews what the webhook was asked, and how many times it is to fail first. */
const reviews: Review[] = []
let failures = 0
const reviewer: Server = createServer((request, response) => {
  void text(request).then((body) => {
    if (failures > 0) {
      failures--
      response.writeHead(500).end()
      return
    }
    const review = JSON.parse(body) as Review
    reviews.push(review)
    const status =
      review.spec.token === 'webhook-token'
        ? {
            authenticated: true,
            user: { username: 'wendy', uid: 'w1', groups: ['hooked'], extra: { 'a.com/b': ['c'] } },
          }
        : { authenticated: false, error: 'never heard of it' }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ...review, status }))
  })
})
await new Promise<void>((resolve) => reviewer.listen(0, '127.0.0.1', resolve))

const authenticator = ({ url, ca }: typeof issuer, more: object = {}) => ({
  issuer: { url, certificateAuthority: ca, audiences: ['kubets'] },
  claimMappings: {
    username: { expression: '"oidc:" + claims.sub' },
    groups: { claim: 'roles', prefix: 'oidc:' },
    extra: [{ key: 'example.com/tenant', valueExpression: 'claims.?tenant.orValue("")' }],
  },
  claimValidationRules: [{ expression: 'claims.?banned.orValue(false) != true', message: 'banned' }],
  userValidationRules: [{ expression: "!user.username.startsWith('oidc:system:')", message: 'reserved' }],
  ...more,
})
const writeConfig = (...jwt: readonly object[]): void =>
  writeFileSync(
    configFile,
    dump({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt,
      anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }, { path: '/healthz' }] },
    }),
  )
writeConfig(authenticator(issuer))
writeFileSync(
  webhookFile,
  dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: `http://127.0.0.1:${(reviewer.address() as AddressInfo).port}/review` } },
    ],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }),
)

after(async () => {
  await issuer[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  reviewer.closeAllConnections()
  await new Promise((resolve) => reviewer.close(resolve))
  rmSync(directory, { recursive: true })
})

const running = useCluster({
  extraArgs: {
    'kube-apiserver': {
      'authentication-config': configFile,
      'authentication-token-webhook-config-file': webhookFile,
      'authentication-token-webhook-version': 'v1',
    },
  },
})

const whoAmI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const claims = (more: object = {}): object => ({
  sub: 'ann',
  aud: 'kubets',
  exp: Math.floor(Date.now() / 1000) + 600,
  jti: 'token-1',
  roles: ['dev'],
  ...more,
})

describe('tokens that others issue', () => {
  let http: Http
  const identify = async (token: string): Promise<unknown> => {
    const { code, json } = await http(whoAmI, { method: 'POST', body: {}, token })
    return code === 201 ? (json['status'] as { userInfo: unknown }).userInfo : code
  }

  before(() => {
    http = createHttp(running())
  })

  it('make users by the rules of the configuration', async () => {
    const token = issuer.token(claims({ tenant: 't1' }))
    const user = await waitFor(
      async () => {
        const found = await identify(token)
        return found !== 401 && found
      },
      { what: 'the issuer to be asked' },
    )
    assert.deepEqual(user, {
      username: 'oidc:ann',
      groups: ['oidc:dev', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=token-1'], 'example.com/tenant': ['t1'] },
    })
  })

  it('are refused where a rule does not hold, or the token is not in order', async () => {
    for (const bad of [{ banned: true }, { sub: 'system:admin' }, { aud: 'other' }, { exp: 1 }]) {
      assert.equal(await identify(issuer.token(claims(bad))), 401, JSON.stringify(bad))
    }
    assert.match(running().logOf('kube-apiserver'), /validation expression .* failed: banned/)
  })

  it('are told about in a TokenReview', async () => {
    const admin = createHttp(running(), pkiCredentials(running(), 'admin'))
    const review = async (token: string) => {
      const { json } = await admin('/apis/authentication.k8s.io/v1/tokenreviews', {
        method: 'POST',
        body: { spec: { token } },
      })
      return json['status'] as { authenticated?: boolean; error?: string }
    }
    assert.equal((await review(issuer.token(claims()))).authenticated, true)
    const refused = await review(issuer.token(claims({ banned: true })))
    assert.match(
      refused.error ?? '',
      /^\[invalid bearer token, oidc: error evaluating claim validation expression: .*banned/,
    )
  })

  it('are taken with new keys when the issuer has changed them', async () => {
    issuer.rotate()
    await waitFor(async () => (await identify(issuer.token(claims({ sub: 'rotated' })))) !== 401, {
      what: 'the new keys',
    })
  })

  it('of another issuer are taken as soon as the file names it, and no more when it does not', async () => {
    assert.equal(await identify(second.token(claims())), 401)
    writeConfig(authenticator(second))
    await waitFor(async () => (await identify(second.token(claims()))) !== 401, { what: 'the second issuer' })
    assert.equal(await identify(issuer.token(claims({ sub: 'late' }))), 401)
    writeFileSync(configFile, 'kind: nonsense')
    await waitFor(() => running().logOf('kube-apiserver').includes('cannot take up the authentication configuration'), {
      what: 'the refusal',
    })
    assert.notEqual(await identify(second.token(claims({ sub: 'still' }))), 401)
  })

  it('that nobody else knows are reviewed by the webhook, once', async () => {
    failures = 1
    const user = {
      username: 'wendy',
      uid: 'w1',
      groups: ['hooked', 'system:authenticated'],
      extra: { 'a.com/b': ['c'] },
    }
    for (let attempt = 0; attempt < 3; attempt++) assert.deepEqual(await identify('webhook-token'), user)
    const asked = reviews.filter(({ spec }) => spec.token === 'webhook-token')
    assert.equal(asked.length, 1)
    assert.equal(asked[0]?.apiVersion, 'authentication.k8s.io/v1')
    assert.equal(asked[0].kind, 'TokenReview')
    assert.deepEqual(asked[0].spec.audiences, ['https://kubernetes.default.svc.cluster.local'])
    assert.equal(await identify('nobody-s-token'), 401)
    assert.match(running().logOf('kube-apiserver'), /never heard of it/)
  })

  it('are needed everywhere but where the configuration says', async () => {
    assert.equal((await http('/livez')).code, 200)
    for (const path of ['/version', '/api', '/livez/ping', '/api/v1/namespaces']) {
      assert.equal((await http(path)).code, 401, path)
    }
  })
})
