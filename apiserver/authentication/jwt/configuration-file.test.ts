import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAuthenticationConfiguration } from './configuration-file.ts'

const own = 'https://kubernetes.default.svc'

interface Jwt {
  issuer?: object
  claimMappings?: object
  claimValidationRules?: object[]
  userValidationRules?: object[]
}

const issuer = { url: 'https://issuer.example', audiences: ['me'] }
const username = { claim: 'sub', prefix: '' }
const jwt = (more: Jwt = {}): Jwt => ({ issuer, claimMappings: { username }, ...more })
const file = (...list: readonly Jwt[]): string =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: list })
const parse = (text: string) => parseAuthenticationConfiguration(text, [own])

describe('AuthenticationConfiguration', () => {
  const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['another kind', '{"apiVersion":"v1","kind":"Pod"}', /^no kind "Pod" is registered for version "v1"$/],
    [
      'an unknown field',
      file({ ...jwt(), colour: 'red' } as Jwt),
      /strict decoding error: unknown field "jwt\[0\].colour"/,
    ],
    ['no url', file(jwt({ issuer: { audiences: ['a'] } })), /^jwt\[0\]\.issuer\.url: Required value$/],
    ['plain http', file(jwt({ issuer: { ...issuer, url: 'http://x' } })), /URL scheme must be https/],
    ['a query', file(jwt({ issuer: { ...issuer, url: 'https://x?a=b' } })), /URL must not contain a query/],
    [
      'a password',
      file(jwt({ issuer: { ...issuer, url: 'https://a:b@x' } })),
      /must not contain a username or password/,
    ],
    ['a fragment', file(jwt({ issuer: { ...issuer, url: 'https://x#a' } })), /must not contain a fragment/],
    [
      'our own issuer',
      file(jwt({ issuer: { ...issuer, url: own } })),
      /URL must not overlap with disallowed issuers: \[https/,
    ],
    [
      'a discovery URL that is the issuer',
      file(jwt({ issuer: { ...issuer, discoveryURL: 'https://issuer.example/' } })),
      /discoveryURL must be different from URL/,
    ],
    [
      'no audience',
      file(jwt({ issuer: { url: 'https://x' } })),
      /at least one jwt\[0\]\.issuer\.audiences is required/,
    ],
    [
      'several audiences without a policy',
      file(jwt({ issuer: { ...issuer, audiences: ['a', 'b'] } })),
      /audienceMatchPolicy must be MatchAny for multiple audiences/,
    ],
    [
      'an audience twice',
      file(jwt({ issuer: { ...issuer, audiences: ['a', 'a'], audienceMatchPolicy: 'MatchAny' } })),
      /audiences\[1\]: Duplicate value: "a"/,
    ],
    [
      'a CA that is none',
      file(jwt({ issuer: { ...issuer, certificateAuthority: 'x' } })),
      /certificateAuthority: Invalid value: "<omitted>"/,
    ],
    ['no username', file(jwt({ claimMappings: {} })), /username: Required value: claim or expression is required/],
    [
      'a claim without a prefix',
      file(jwt({ claimMappings: { username: { claim: 'sub' } } })),
      /prefix is required when claim is set/,
    ],
    [
      'claim and expression',
      file(jwt({ claimMappings: { username: { claim: 'sub', expression: 'claims.sub' } } })),
      /claim and expression can't both be set/,
    ],
    [
      'an expression with a prefix',
      file(jwt({ claimMappings: { username: { prefix: 'x', expression: 'claims.sub' } } })),
      /may not be specified when expression is set/,
    ],
    [
      'an expression that is none',
      file(jwt({ claimMappings: { username: { expression: 'claims.' } } })),
      /username\.expression: Invalid value: "claims\.": compilation failed: ERROR/,
    ],
    [
      'a rule that is no boolean',
      file(jwt({ claimValidationRules: [{ expression: '"yes"' }] })),
      /claimValidationRules\[0\]\.expression: Invalid value: .*must evaluate to bool/,
    ],
    ['an empty rule', file(jwt({ claimValidationRules: [{}] })), /claim or expression is required/],
    [
      'a rule twice',
      file(jwt({ claimValidationRules: [{ claim: 'a' }, { claim: 'a' }] })),
      /claimValidationRules\[1\]\.claim: Duplicate value: "a"/,
    ],
    [
      'a user rule about claims',
      file(jwt({ userValidationRules: [{ expression: 'claims.sub == "x"' }] })),
      /undeclared reference to 'claims'/,
    ],
    [
      "a key of Kubernetes' own",
      file(jwt({ claimMappings: { username, extra: [{ key: 'a.kubernetes.io/b', valueExpression: '"x"' }] } })),
      /reserved for Kubernetes use/,
    ],
    [
      'a key without a domain',
      file(jwt({ claimMappings: { username, extra: [{ key: 'plain', valueExpression: '"x"' }] } })),
      /must be a domain-prefixed path/,
    ],
    [
      'an address that nobody need have verified',
      file(jwt({ claimMappings: { username: { expression: 'claims.email' } } })),
      /claims\.email_verified must be used/,
    ],
    ['an issuer twice', file(jwt(), jwt()), /jwt\[1\]\.issuer\.url: Duplicate value: "https:\/\/issuer\.example"/],
    [
      'conditions of what is off',
      JSON.stringify({
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'AuthenticationConfiguration',
        anonymous: { enabled: false, conditions: [{ path: '/livez' }] },
      }),
      /enabled should be set to true when conditions are defined/,
    ],
  ]
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => parse(text), { message }))
  }

  it('takes an address that an expression says is verified', () => {
    const rules = [{ expression: 'claims.?email_verified.orValue(true) == true', message: 'not verified' }]
    const text = file(jwt({ claimMappings: { username: { expression: 'claims.email' } }, claimValidationRules: rules }))
    assert.equal(parse(text).jwt.length, 1)
  })

  it('says who may be anonymous, and where', () => {
    const text = `
      apiVersion: apiserver.config.k8s.io/v1beta1
      kind: AuthenticationConfiguration
      anonymous: {enabled: true, conditions: [{path: /livez}]}`
    assert.deepEqual(parse(text), { jwt: [], anonymous: { enabled: true, paths: ['/livez'] } })
  })
})
