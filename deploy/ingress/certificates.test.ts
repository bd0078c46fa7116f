import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Ingress, Secret } from '../../api/types.ts'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { planCertificates } from './certificates.ts'
import { haproxyFiles } from './haproxy-config.ts'
import { parsePlaces } from './haproxy.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const ingress = (name: string, tls: NonNullable<Ingress['spec']>['tls'], created: string): Ingress => ({
  metadata: { namespace: 'shop', name, creationTimestamp: created },
  spec: { tls: tls ?? [] },
})

describe('certificates of Ingresses', () => {
  let good: Secret
  let strangers: Secret
  before(async () => {
    const ca = await createCa('ca')
    const issue = (commonName: string) =>
      issueCertificate(ca, { commonName, dnsNames: [commonName], usages: ['server'], days: 1 })
    const [one, other] = [await issue('x.com'), await issue('y.com')]
    good = { data: { 'tls.crt': base64(one.certPem + ca.certPem), 'tls.key': base64(`${one.keyPem}\nbind :1\n`) } }
    strangers = { data: { 'tls.crt': base64(one.certPem), 'tls.key': base64(other.keyPem) } }
  })
  const plan = (secrets: Readonly<Record<string, Secret | undefined>>, ...all: Ingress[]) =>
    planCertificates(all, (key) => secrets[key])

  it('are for the hosts that name them, the older Ingress first', () => {
    const { certificates, problems } = plan(
      { 'shop/s': good, 'shop/t': good },
      ingress('young', [{ hosts: ['x.com', 'z.com'], secretName: 't' }], '2026-02-01'),
      ingress('old', [{ hosts: ['x.com'], secretName: 's' }, { hosts: ['w.com'] }], '2026-01-01'),
      ingress('last', [{ hosts: ['z.com'], secretName: 's' }, { secretName: 's' }], '2026-03-01'),
    )
    assert.deepEqual(problems, [])
    assert.deepEqual(
      certificates.map(({ secret, hosts }) => [secret, hosts]),
      [
        ['shop/s', ['x.com']],
        ['shop/t', ['z.com']],
        ['shop/s', []],
      ],
    )
  })

  it('come into files as certificates and a key, and as nothing else', () => {
    const { certificates } = plan(
      { 'shop/s': good },
      ingress('i', [{ hosts: ['x.com'], secretName: 's' }], '2026-01-01'),
    )
    const pem = certificates[0]?.pem ?? ''
    assert.equal(pem.match(/-----BEGIN CERTIFICATE-----/g)?.length, 2)
    assert.match(pem, /-----BEGIN PRIVATE KEY-----/)
    assert.doesNotMatch(pem, /bind/)
    const routing = { hosts: [], fallback: undefined, backends: new Map(), problems: [] }
    const options = { directory: '/d', socket: '/d/s', httpPort: 80, httpsPort: 443 }
    const files = haproxyFiles(routing, { certificates, slots: new Map() }, options)
    assert.deepEqual([...files.keys()], ['certificate-0.pem', 'certificates.list', 'haproxy.cfg'])
    assert.equal(files.get('certificates.list'), '/d/certificate-0.pem x.com\n')
  })

  const bad: readonly (readonly [what: string, secret: () => Secret | undefined, message: RegExp])[] = [
    ['is not there', () => undefined, /secret shop\/s: it does not exist/],
    ['has no key', () => ({ data: { 'tls.crt': good.data?.['tls.crt'] ?? '' } }), /it has no tls\.key/],
    [
      'has no certificate in it',
      () => ({ data: { ...good.data, 'tls.crt': base64('hello') } }),
      /tls\.crt is not a certificate/,
    ],
    [
      'has something else for a key',
      () => ({ data: { ...good.data, 'tls.key': base64('hello') } }),
      /tls\.key is not a private key/,
    ],
    ['has another’s key', () => strangers, /tls\.key is not the key of tls\.crt/],
  ]
  for (const [what, secret, message] of bad) {
    it(`are not taken from a Secret that ${what}`, () => {
      const { certificates, problems } = plan(
        { 'shop/s': secret() },
        ingress('i', [{ hosts: ['x.com'], secretName: 's' }], '2026-01-01'),
      )
      assert.deepEqual(certificates, [])
      assert.equal(problems[0]?.reason, 'InvalidSecret')
      assert.match(problems[0]?.message ?? '', message)
    })
  }
})

it('places of proxies are addresses, with a network namespace or without', () => {
  assert.deepEqual(parsePlaces('10.0.0.1@/run/netns/a,fd00::1'), [
    { address: '10.0.0.1', netns: '/run/netns/a' },
    { address: 'fd00::1', netns: undefined },
  ])
  assert.deepEqual(parsePlaces(''), [])
})
