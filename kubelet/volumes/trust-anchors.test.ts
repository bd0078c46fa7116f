import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../../api/types.ts'
import { normalizedAnchors, selectBundles } from './trust-anchors.ts'

/** PEM of some bytes: what they mean is not looked at here. */
const pem = (text: string): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(text).toString('base64')}\n-----END CERTIFICATE-----\n`
const bundle = (
  name: string,
  {
    signerName,
    labels = {},
    of = [name],
  }: { signerName?: string; labels?: Record<string, string>; of?: string[] } = {},
): ClusterTrustBundle => ({
  metadata: { name, labels },
  spec: { ...(signerName === undefined ? {} : { signerName }), trustBundle: of.map(pem).join('') },
})
const names = (bundles: readonly ClusterTrustBundle[]): string[] => bundles.map(({ metadata }) => metadata?.name ?? '')

describe('the bundles of a volume', () => {
  const all = [
    bundle('plain'),
    bundle('a.io:s:1', { signerName: 'a.io/s', labels: { live: 'yes' } }),
    bundle('a.io:s:2', { signerName: 'a.io/s' }),
    bundle('b.io:s:1', { signerName: 'b.io/s', labels: { live: 'yes' } }),
  ]

  it('are the one of that name', () => {
    assert.deepEqual(names(selectBundles({ path: 'p', name: 'plain' }, all)), ['plain'])
  })

  it('are those of the signer that the selector selects', () => {
    const select = (labelSelector: object) =>
      names(selectBundles({ path: 'p', signerName: 'a.io/s', labelSelector, optional: true }, all))
    assert.deepEqual(select({ matchLabels: { live: 'yes' } }), ['a.io:s:1'])
    assert.deepEqual(select({}), ['a.io:s:1', 'a.io:s:2'])
    assert.deepEqual(names(selectBundles({ path: 'p', signerName: 'a.io/s', optional: true }, all)), [])
  })

  it('must be there, unless they are optional', () => {
    assert.throws(() => selectBundles({ path: 'p', name: 'none' }, all), {
      message: 'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "none" not found',
    })
    assert.throws(() => selectBundles({ path: 'p', signerName: 'c.io/s', labelSelector: {} }, all), {
      message: 'combination of signerName and labelSelector matched zero ClusterTrustBundles',
    })
    assert.deepEqual(selectBundles({ path: 'p', name: 'none', optional: true }, all), [])
  })
})

describe('trust anchors', () => {
  it('are there once each, and the same whatever order their bundles have', () => {
    const one = bundle('1', { of: ['x', 'y'] })
    const two = bundle('2', { of: ['z', 'y'] })
    const text = normalizedAnchors([one, two])
    assert.equal(text.match(/BEGIN/g)?.length, 3)
    for (const part of ['x', 'y', 'z']) assert.ok(text.includes(pem(part)))
    assert.equal(normalizedAnchors([two, one]), text)
  })

  it('have no comments and no text between them', () => {
    assert.equal(normalizedAnchors([{ spec: { trustBundle: `Somebody's\n${pem('x')}and more\n` } }]), pem('x'))
    assert.equal(normalizedAnchors([]), '')
  })

  it('have lines of 64 letters', () => {
    const long = 'l'.repeat(200)
    assert.deepEqual(
      normalizedAnchors([bundle('1', { of: [long] })])
        .split('\n')
        .slice(1, -2)
        .map(({ length }) => length),
      [64, 64, 64, 64, 12],
    )
  })
})
