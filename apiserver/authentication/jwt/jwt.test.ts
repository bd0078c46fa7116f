import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogger } from '../../../component-base/logging/logger.ts'
import type { UserInfo } from '../user.ts'
import { createJwtAuthenticator, type JwtAuthenticator } from './authenticator.ts'
import { createClaimMapper } from './claims.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { startIssuer, type TestIssuer } from './issuer-fixture.ts'
import { algorithms } from './json-web-token.ts'

const log = createLogger('test')
const baseConfig: JwtAuthenticatorConfig = {
  issuer: { url: 'https://issuer.example', discoveryURL: '', certificateAuthority: '', audiences: ['me'] },
  claimValidationRules: [],
  username: { type: 'claim', claim: 'sub', prefix: 'oidc:' },
  groups: { type: 'claim', claim: 'groups', prefix: 'oidc:' },
  uid: undefined,
  extra: [],
  userValidationRules: [],
}
const expression = (text: string) => ({ type: 'expression', expression: text }) as const
const userOf = (more: Partial<JwtAuthenticatorConfig>, claims: object): UserInfo =>
  createClaimMapper({ ...baseConfig, ...more })(claims as Record<string, unknown>)

describe('claims', () => {
  it('make a user by name, with prefixes', () => {
    const user = userOf({ uid: { type: 'claim', claim: 'id' } }, { sub: 'ann', groups: ['a', 'b'], id: 'u', jti: 'j' })
    assert.deepEqual(user, {
      name: 'oidc:ann',
      groups: ['oidc:a', 'oidc:b'],
      uid: 'u',
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=j'] },
    })
    assert.deepEqual(userOf({}, { sub: 'ann', groups: 'one' }).groups, ['oidc:one'])
    assert.deepEqual(userOf({}, { sub: 'ann' }).groups, [])
  })

  it('make a user by expressions', () => {
    const config = {
      username: expression('claims.sub + "@" + claims.realm.name'),
      groups: expression('claims.roles.filter(r, r.startsWith("k8s-")).map(r, r.substring(4))'),
      uid: expression('string(int(claims.number))'),
      extra: [
        { key: 'example.com/tenant', valueExpression: 'claims.?tenant.orValue("")' },
        { key: 'example.com/level', valueExpression: '["x", "", "y"]' },
      ],
    }
    const claims = { sub: 'ann', realm: { name: 'r' }, roles: ['k8s-dev', 'other'], number: 7 }
    assert.deepEqual(userOf(config, claims), {
      name: 'ann@r',
      groups: ['dev'],
      uid: '7',
      extra: { 'example.com/level': ['x', 'y'] },
    })
  })

  const refused: readonly (readonly [
    what: string,
    config: Partial<JwtAuthenticatorConfig>,
    claims: object,
    why: RegExp,
  ])[] = [
    ['no name', {}, {}, /parse username claims "sub": claim not present/],
    ['a name that is a number', {}, { sub: 1 }, /cannot unmarshal number/],
    ['groups that are numbers', {}, { sub: 'a', groups: [1] }, /parse groups claim "groups"/],
    [
      'an address that is not verified',
      { username: { type: 'claim', claim: 'email', prefix: '' } },
      { email: 'a@b', email_verified: false },
      /^oidc: email not verified$/,
    ],
    [
      'a required claim that is missing',
      { claimValidationRules: [{ type: 'claim', claim: 'hd', requiredValue: 'x' }] },
      { sub: 'a' },
      /required claim hd not present in ID token/,
    ],
    [
      'a required claim of another value',
      { claimValidationRules: [{ type: 'claim', claim: 'hd', requiredValue: 'x' }] },
      { sub: 'a', hd: 'y' },
      /value does not match. Got = y, want = x/,
    ],
    [
      'a rule that does not hold',
      {
        claimValidationRules: [
          { type: 'expression', expression: 'claims.exp - claims.nbf <= 3600.0', message: 'too long' },
        ],
      },
      { sub: 'a', exp: 8000, nbf: 0 },
      /validation expression 'claims\.exp - claims\.nbf <= 3600\.0' failed: too long/,
    ],
    [
      'a rule about what is not there',
      { claimValidationRules: [{ type: 'expression', expression: 'claims.hd == "x"', message: '' }] },
      { sub: 'a' },
      /resulted in error: no such key: hd/,
    ],
    [
      'a user that may not be',
      { userValidationRules: [{ expression: "!user.username.startsWith('oidc:system:')", message: 'reserved' }] },
      { sub: 'system:admin' },
      /failed: reserved/,
    ],
    ['an empty name by an expression', { username: expression('""') }, { sub: 'a' }, /empty username via CEL/],
    ['a name that is a list', { username: expression('[claims.sub]') }, { sub: 'a' }, /must return a string/],
    [
      'groups of numbers by an expression',
      { groups: expression('[1, 2]') },
      { sub: 'a' },
      /a string or a list of strings/,
    ],
  ]
  for (const [what, config, claims, message] of refused) {
    it(`refuse ${what}`, () => assert.throws(() => userOf(config, claims), { message }))
  }
})

interface Setup extends AsyncDisposable {
  readonly issuer: TestIssuer
  readonly jwt: JwtAuthenticator
}

const nowSeconds = 1_900_000_000
const valid = { sub: 'ann', aud: 'me', exp: nowSeconds + 600 }

const start = async (more: { discoveryURL?: string; issuer?: TestIssuer } = {}): Promise<Setup> => {
  const issuer = more.issuer ?? (await startIssuer())
  const config = {
    ...baseConfig,
    issuer: {
      url: issuer.statedIssuer,
      discoveryURL: more.discoveryURL === undefined ? '' : `${issuer.url}${more.discoveryURL}`,
      certificateAuthority: issuer.ca,
      audiences: ['me', 'myself'],
    },
  }
  const jwt = createJwtAuthenticator(config, { log, algorithms, now: () => nowSeconds * 1000 })
  return {
    issuer,
    jwt,
    [Symbol.asyncDispose]: async () => {
      jwt.close()
      await issuer[Symbol.asyncDispose]()
    },
  }
}

const ready = async ({ jwt }: Setup): Promise<void> => {
  for (;;) {
    try {
      jwt.check()
      return
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('tokens of an issuer', () => {
  it('are taken in every algorithm that is allowed', async () => {
    await using setup = await start()
    await ready(setup)
    for (const algorithm of ['RS256', 'RS384', 'RS512', 'PS256', 'PS512', 'ES256']) {
      const user = await setup.jwt.authenticate(setup.issuer.token(valid, algorithm))
      assert.equal(user?.name, 'oidc:ann', algorithm)
    }
    assert.equal(setup.issuer.seen.filter((path) => path === '/keys').length, 1)
  })

  it('are nothing to other issuers', async () => {
    await using setup = await start()
    await ready(setup)
    assert.equal(await setup.jwt.authenticate(setup.issuer.token({ ...valid, iss: 'https://other' })), undefined)
    assert.equal(await setup.jwt.authenticate('no.token'), undefined)
    assert.equal(await setup.jwt.authenticate('a.b.c'), undefined)
  })

  it('are refused when something is wrong with them', async () => {
    await using setup = await start()
    await ready(setup)
    const { issuer, jwt } = setup
    const good = issuer.token(valid)
    const [head = '', body = '', signature = ''] = good.split('.')
    const other = Buffer.from(JSON.stringify({ ...valid, iss: issuer.url, sub: 'root' })).toString('base64url')
    const cases: readonly (readonly [token: string, why: RegExp])[] = [
      [issuer.token({ ...valid, aud: 'you' }), /expected audience in \["me","myself"\] got \["you"\]/],
      [issuer.token({ ...valid, aud: undefined }), /expected audience/],
      [issuer.token({ ...valid, exp: nowSeconds - 1 }), /token is expired/],
      [issuer.token({ ...valid, exp: undefined }), /token is expired/],
      [issuer.token({ ...valid, nbf: nowSeconds + 301 }), /before the nbf/],
      [issuer.token(valid, 'none'), /unsupported algorithm/],
      [`${head}.${other}.${signature}`, /failed to verify id token signature/],
      [`${head}.${body}.`, /failed to verify id token signature/],
    ]
    for (const [token, why] of cases) await assert.rejects(jwt.authenticate(token), { message: why })
    assert.equal((await jwt.authenticate(issuer.token({ ...valid, aud: ['x', 'myself'] })))?.name, 'oidc:ann')
    assert.equal((await jwt.authenticate(issuer.token({ ...valid, nbf: nowSeconds + 299 })))?.name, 'oidc:ann')
  })

  it('are not forged by taking a public key for a secret', async () => {
    await using setup = await start()
    await ready(setup)
    const forged = setup.issuer.token(valid, 'RS256').split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: 'key-1-rsa' })).toString('base64url')
    await assert.rejects(setup.jwt.authenticate([header, forged[1], forged[2]].join('.')), {
      message: /unsupported algorithm/,
    })
  })

  it('wait for the issuer to be asked, and for the issuer to be the one', async () => {
    await using setup = await start({ discoveryURL: '/nowhere' })
    await assert.rejects(setup.jwt.authenticate(setup.issuer.token(valid)), {
      message: 'oidc: authenticator not initialized',
    })
    assert.throws(() => setup.jwt.check(), /is not healthy/)
  })

  it('have their issuer described elsewhere, if the configuration says so', async () => {
    const issuer = await startIssuer()
    issuer.statedIssuer = 'https://public.example'
    await using setup = await start({ issuer, discoveryURL: '/elsewhere' })
    await ready(setup)
    assert.equal((await setup.jwt.authenticate(issuer.token(valid)))?.name, 'oidc:ann')
    assert.deepEqual(issuer.seen, ['/elsewhere', '/keys'])
  })
})

/** Claims whose groups are to be asked for at the issuer. */
const elsewhere = (issuer: TestIssuer, bearer = '') => ({
  ...valid,
  _claim_names: { groups: 'directory' },
  _claim_sources: {
    directory: { endpoint: `${issuer.url}/groups`, ...(bearer === '' ? {} : { access_token: bearer }) },
  },
})

describe('groups that another place knows', () => {
  it('are asked for there, with the token for it, and signed', async () => {
    await using setup = await start()
    await ready(setup)
    const { issuer, jwt } = setup
    for (const bearer of ['', 'secret']) {
      issuer.served.set('/groups', { bearer, body: issuer.token({ ...valid, groups: ['a', 'b'] }) })
      const user = await jwt.authenticate(issuer.token(elsewhere(issuer, bearer)))
      assert.deepEqual(user?.groups, ['oidc:a', 'oidc:b'])
    }
  })

  it('may be signed by an issuer of their own', async () => {
    await using setup = await start()
    await ready(setup)
    const { issuer, jwt } = setup
    issuer.served.set('/groups', {
      bearer: '',
      body: issuer.token({ ...valid, iss: `${issuer.url}/other`, groups: 'a' }),
    })
    const token = issuer.token(elsewhere(issuer))
    await assert.rejects(jwt.authenticate(token), {
      message: `oidc: could not expand distributed claims: verifying untrusted issuer ${issuer.url}/other failed: verifier not initialized for issuer: "${issuer.url}/other"`,
    })
    const document = JSON.stringify({ issuer: `${issuer.url}/other`, jwks_uri: `${issuer.url}/keys` })
    issuer.served.set('/other/.well-known/openid-configuration', { bearer: '', body: document })
    assert.deepEqual((await jwt.authenticate(token))?.groups, ['oidc:a'])
  })

  it('are not asked for where the token has them, or does not say where they are', async () => {
    await using setup = await start()
    await ready(setup)
    const { issuer, jwt } = setup
    const groupsOf = async (claims: object) => (await jwt.authenticate(issuer.token(claims)))?.groups
    assert.deepEqual(await groupsOf({ ...elsewhere(issuer), groups: ['own'] }), ['oidc:own'])
    assert.deepEqual(await groupsOf({ ...elsewhere(issuer), _claim_names: { phone: 'directory' } }), [])
    assert.deepEqual(await groupsOf({ ...elsewhere(issuer), _claim_sources: { directory: { JWT: 'x' } } }), [])
    assert.equal(issuer.seen.includes('/groups'), false)
  })

  it('make the token invalid where they cannot be had', async () => {
    await using setup = await start()
    await ready(setup)
    const { issuer, jwt } = setup
    const asked = elsewhere(issuer)
    const cases: readonly (readonly [claims: object, body: string, why: RegExp])[] = [
      [{ ...asked, _claim_names: 'x' }, '', /error parsing distributed claim names/],
      [{ ...asked, _claim_sources: undefined }, '', /: oidc: no claim sources$/],
      [{ ...asked, _claim_sources: [] }, '', /could not parse claim sources/],
      [{ ...asked, _claim_sources: {} }, '', /contained a source directory missing in _claims_sources$/],
      [elsewhere(issuer, 'wrong'), '', /while getting distributed claim "groups": .*403/],
      [asked, 'no token', /getting untrusted issuer from endpoint .* failed for claim "groups"/],
      [asked, issuer.token(valid), /did not contain claim: groups$/],
      [asked, issuer.token({ ...valid, aud: 'you', groups: [] }), /verify distributed claim token: .*audience/],
      [asked, issuer.token({ ...valid, exp: 1, groups: [] }), /verify distributed claim token: .*expired/],
      [asked, `${issuer.token({ ...valid, groups: [] })}AAAA`, /verify distributed claim token: .*signature/],
    ]
    for (const [claims, body, why] of cases) {
      issuer.served.set('/groups', { bearer: '', body })
      await assert.rejects(jwt.authenticate(issuer.token(claims)), (error: Error) => {
        assert.match(error.message, /^oidc: could not expand distributed claims: /)
        assert.match(error.message, why)
        return true
      })
    }
  })
})
