import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { validateVolumes } from '../core/pod-spec/validate-volumes.ts'
import type { Volume } from '../types.ts'
import { validateTrustBundle } from './cluster-trust-bundle.ts'
import { isClusterTrustBundleName, validateSignerName } from './signer-name.ts'

/** Two CAs, and a certificate that is none: made by openssl for these tests, with keys that nobody has. */
const one = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUH/0E0KkR6gG/j22/BS8km+EZK3QwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyNTIxMDYzNloYDzIxMjYxMTAxMjEwNjM2
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS2n2vX
D1+6+9PoT6DMk3tkxhGiuLEQcihKd058DKlqe/qeVUfzr6nuyfkOYgV0hISiTRup
zVhFYpyDu9KLM3R7o1MwUTAdBgNVHQ4EFgQUzmIAUjL6V+lZoYokSea5GvbU2zgw
HwYDVR0jBBgwFoAUzmIAUjL6V+lZoYokSea5GvbU2zgwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiArjtoGQZqhKnmA3RnJeLcNuBCXsLe/tTOwgEWu
52IxmQIhAJV5ktBRL44UNCqSzC9W0jez+Qy22P4CPO/7D3jgiROA
-----END CERTIFICATE-----
`
const two = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUT9ABTnCB3utXePPetZLAjHc1sBgwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEyNTIxMDYzNloYDzIxMjYxMTAxMjEwNjM2
WjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATOLbxF
onRx/YU8YDbUXOQj7sYXbGyQ39bb4F191jdwL/Qqz1zZXeZ2yTzwHHAJbAipuSPC
8Zm6LCWxBWzUw01Po1MwUTAdBgNVHQ4EFgQU3fVtnGe8gsLkB+JLsLONELhph0Qw
HwYDVR0jBBgwFoAU3fVtnGe8gsLkB+JLsLONELhph0QwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEAzCAb61F5pmxgUb/03DDJc/pxXxWeLDqSCFSt
dGw0XFUCIG5/iXQR0iyegBilXbTrtutrVUmKNjI6bePDyzXoZldu
-----END CERTIFICATE-----
`
const leaf = `-----BEGIN CERTIFICATE-----
MIIBcTCCARigAwIBAgIUE25KT4uW3RmZ9P0wAin6XnizJyEwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEbGVhZjAgFw0yNjExMjUyMTA2MzZaGA8yMTI2MTEwMTIxMDYz
NlowDzENMAsGA1UEAwwEbGVhZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJFA
KRC+l6RV7ai1+WxsYlVp5kDoXfl8iqx0IkJ2xM3J+rEdQ93Al7CEslvdhtIzAZf6
y1swi4CvJFQV7EaOv5qjUDBOMB0GA1UdDgQWBBSEKBGGON7TcI5Dl+opIThw1vjs
yjAfBgNVHSMEGDAWgBSEKBGGON7TcI5Dl+opIThw1vjsyjAMBgNVHRMBAf8EAjAA
MAoGCCqGSM49BAMCA0cAMEQCIFo8pYzE9IaqiJMlpHdlMRX3M2jFp7ZcU/KNTIRj
UZH3AiAF31mtfLbYmi5rP44ipUDbY+KOYhJV5R5AbXiYKjEWjw==
-----END CERTIFICATE-----
`

const said = (errors: readonly { readonly field: string; readonly detail: string }[]): string[] =>
  errors.map(({ field, detail }) => `${field}: ${detail}`)

describe('the text of a trust bundle', () => {
  const problems = (text: string): string[] => said(validateTrustBundle(text, 'spec.trustBundle'))
  const wrong = (...why: string[]): string[] =>
    why.map((text) => `spec.trustBundle: Invalid value: "<value omitted>": ${text}`)
  const labelled = (label: string): string => one.replaceAll('CERTIFICATE', label)

  const cases: readonly (readonly [string, string, string[]])[] = [
    ['is certificates of CAs', one + two, []],
    ['may have words between them', `the first:\n${one}\nand another\n${two}\nthat is all`, []],
    ['may have the ends of lines of Windows', (one + two).replaceAll('\n', '\r\n'), []],
    ['has at least one', 'no certificate', wrong('at least one trust anchor must be provided')],
    ['has each once', one + two + one, wrong('duplicate trust anchor (indices [0 2])')],
    ['has no keys', one + labelled('PRIVATE KEY'), wrong('entry 1 has bad block type: PRIVATE KEY')],
    [
      'has no headers in its blocks',
      one.replace('CERTIFICATE-----\n', 'CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n'),
      wrong('entry 0 has PEM block headers'),
    ],
    [
      'has nothing that is no certificate',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      wrong('entry 0 does not parse as X.509'),
    ],
    ['has no certificates of others than CAs', two + leaf, wrong('entry 1 does not have the CA bit set')],
    [
      'is told all that is wrong with its blocks, and nothing else then',
      leaf + labelled('X') + one + one,
      wrong('entry 0 does not have the CA bit set', 'entry 1 has bad block type: X'),
    ],
    [
      'is no longer than a megabyte',
      'x'.repeat(1024 * 1024 + 1),
      ['spec.trustBundle: Too long: may not be more than 1048576 bytes'],
    ],
  ]
  for (const [what, text, errors] of cases) it(what, () => assert.deepEqual(problems(text), errors))
})

describe('the name of a trust bundle', () => {
  const cases: readonly (readonly [string, string, RegExp | undefined])[] = [
    ['plain', '', undefined],
    ['example.com:s:live', 'example.com/s', undefined],
    ['example.com:s:', 'example.com/s', /a lowercase RFC 1123 subdomain must/],
    [
      'live',
      'example.com/s',
      /^ClusterTrustBundle for signerName example.com\/s must be named with prefix example.com:s:$/,
    ],
    ['a:b', '', /^ClusterTrustBundle without signer name must not have ":" in its name$/],
    ['Plain', '', /a lowercase RFC 1123 subdomain must/],
  ]
  for (const [name, signer, error] of cases) {
    it(`${error === undefined ? 'may' : 'may not'} be ${name} with signer ${signer || 'nobody'}`, () => {
      const [problem] = isClusterTrustBundleName(name, signer)
      if (error === undefined) assert.equal(problem, undefined)
      else assert.match(problem ?? '', error)
    })
  }
})

describe('the name of a signer', () => {
  const problems = (name: string): string[] => said(validateSignerName(name, 'f'))
  it('is a domain and a path', () => {
    assert.deepEqual(problems('example.com/a.b'), [])
    assert.deepEqual(problems(''), ['f: Required value'])
    for (const name of ['example.com', 'example.com/a/b']) {
      assert.deepEqual(problems(name), [
        `f: Invalid value: "${name}": must be a fully qualified domain and path of the form "example.com/signer-name"`,
      ])
    }
    assert.deepEqual(problems('example/a'), [
      'f: Invalid value: "example": should be a domain with at least two segments separated by dots',
    ])
    assert.match(
      problems('Example.com/a').join(),
      /^f: Invalid value: "Example.com": validating label "Example": a lowercase RFC 1123 label must/,
    )
    assert.match(
      problems('example.com/A').join(),
      /^f: Invalid value: "A": validating label "A": a lowercase RFC 1123 subdomain must/,
    )
    assert.match(problems(`${'a.'.repeat(127)}com/a`).join(), /^f: Too long: may not be more than 253 bytes/)
  })
})

describe('a projected volume of trust bundles', () => {
  type Source = NonNullable<NonNullable<Volume['projected']>['sources']>[number]
  const problems = (...sources: Source[]): string[] =>
    said(validateVolumes([{ name: 'v', projected: { sources } }], 'volumes'))
  const at = 'volumes[0].projected.sources[0].clusterTrustBundlePEM'

  const cases: readonly (readonly [string, Source['clusterTrustBundle'], string[]])[] = [
    ['takes one by name', { path: 'p', name: 'example.com:s:live' }, []],
    ['takes those of a signer', { path: 'p', signerName: 'example.com/s', labelSelector: {} }, []],
    [
      'does not take both',
      { path: 'p', name: 'b', signerName: 'example.com/s' },
      [`${at}: Invalid value: {"name":"b","signerName":"example.com/s"}: only one of name and signerName may be used`],
    ],
    ['takes one of them', { path: 'p' }, [`${at}: Required value: either name or signerName must be specified`]],
    [
      'selects by labels only with a signer',
      { path: 'p', name: 'b', labelSelector: {} },
      [`${at}.labelSelector: Invalid value: {}: labelSelector must be unset if name is specified`],
    ],
    ['has a path', { path: '', name: 'b' }, [`${at}.path: Required value`]],
    ['stays below itself', { path: '../p', name: 'b' }, [`${at}.path: Invalid value: "../p": must not contain '..'`]],
  ]
  for (const [what, clusterTrustBundle, errors] of cases) {
    it(what, () => assert.deepEqual(problems(clusterTrustBundle === undefined ? {} : { clusterTrustBundle }), errors))
  }

  it('has no path twice, whatever the sources are', () => {
    const bundle = { clusterTrustBundle: { path: 'p', name: 'b' } }
    const conflict = (shown: string): string =>
      `volumes[0].projected: Invalid value: "${shown}": conflicting duplicate paths`
    assert.deepEqual(problems(bundle, bundle), [conflict('p')])
    assert.deepEqual(problems(bundle, { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } }), [conflict('s')])
  })
})
