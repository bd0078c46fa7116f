import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseFlags } from '../../component-base/flags/flags.ts'
import { externalTokensConfig } from './config.ts'
import { authenticationFlags } from './flags.ts'

const directory = mkdtempSync(join(tmpdir(), 'kubets-authentication-config-'))
after(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'config.yaml')
writeFileSync(
  file,
  'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: false}\n',
)

const configOf = (args: readonly string[], more: readonly string[] = []) => {
  const { values, isSet } = parseFlags(authenticationFlags, args, { name: 'test', version: 'v0' })
  const given = (name: string): boolean => more.includes(name) || isSet(name as keyof typeof authenticationFlags)
  return externalTokensConfig(values, { isSet: given, anonymousAuth: true, ownIssuers: ['https://own'] })
}
const oidc = ['--oidc-issuer-url=https://issuer', '--oidc-client-id=me']
const usernameOf = (...args: string[]) => {
  const { jwt } = configOf([...oidc, ...args])
  return jwt?.type === 'flags' ? jwt.config.username : undefined
}

describe('flags of tokens that others issue', () => {
  it('make one issuer', () => {
    const { jwt } = configOf([
      ...oidc,
      '--oidc-groups-claim=roles',
      '--oidc-groups-prefix=g:',
      '--oidc-required-claim=a=b',
      '--oidc-signing-algs=ES256,RS256',
    ])
    assert.ok(jwt?.type === 'flags')
    assert.deepEqual(jwt.algorithms, ['ES256', 'RS256'])
    assert.deepEqual(jwt.config.issuer.audiences, ['me'])
    assert.deepEqual(jwt.config.groups, { type: 'claim', claim: 'roles', prefix: 'g:' })
    assert.deepEqual(jwt.config.claimValidationRules, [{ type: 'claim', claim: 'a', requiredValue: 'b' }])
  })

  it('put the issuer in front of names, unless they are told otherwise or names are addresses', () => {
    assert.deepEqual(usernameOf(), { type: 'claim', claim: 'sub', prefix: 'https://issuer#' })
    assert.deepEqual(usernameOf('--oidc-username-claim=email'), { type: 'claim', claim: 'email', prefix: '' })
    assert.deepEqual(usernameOf('--oidc-username-prefix=-'), { type: 'claim', claim: 'sub', prefix: '' })
    assert.deepEqual(usernameOf('--oidc-username-prefix=x:'), { type: 'claim', claim: 'sub', prefix: 'x:' })
  })

  it('leave anonymous requests to the file, where it says something of them', () => {
    assert.deepEqual(configOf([]).anonymous, { enabled: true, paths: [] })
    assert.deepEqual(configOf([`--authentication-config=${file}`]).anonymous, { enabled: false, paths: [] })
  })

  const refused: readonly (readonly [args: readonly string[], message: RegExp, more?: readonly string[]])[] = [
    [['--oidc-issuer-url=https://issuer'], /oidc-issuer-url and oidc-client-id must be specified together/],
    [['--oidc-groups-claim=x'], /oidc-issuer-url and oidc-client-id must be specified together/],
    [['--oidc-issuer-url=http://issuer', '--oidc-client-id=me'], /URL scheme must be https/],
    [['--oidc-issuer-url=https://own', '--oidc-client-id=me'], /must not overlap with disallowed issuers/],
    [[...oidc, '--oidc-signing-algs=HS256'], /oidc: unsupported signing alg: "HS256"/],
    [[...oidc, `--authentication-config=${file}`], /mutually exclusive/],
    [[`--authentication-config=${file}`], /--anonymous-auth flag cannot be set/, ['anonymous-auth']],
    [['--authentication-config=/nowhere'], /no such file/],
    [
      ['--authentication-token-webhook-config-file=x', '--authentication-token-webhook-version=v2'],
      /unsupported authentication webhook version "v2", supported versions are "v1", "v1beta1"/,
    ],
  ]
  for (const [args, message, more = []] of refused) {
    it(`are refused: ${args.join(' ').replace(directory, '')}`, () => {
      assert.throws(() => configOf(args, more), { name: 'UsageError', message })
    })
  }
})
