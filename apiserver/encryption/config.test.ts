import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogger } from '../../component-base/logging/logger.ts'
import { Registry } from '../../component-base/metrics/prometheus.ts'
import { buildTransformers } from './build.ts'
import { parseEncryptionConfiguration } from './config.ts'
import { createEncryptionMetrics } from './metrics.ts'
import { createResourceOfKey } from './resource-of-key.ts'
import type { Plain } from './transformer.ts'

const key = Buffer.alloc(32, 1).toString('base64')
const configuration = (resources: unknown): string =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources })
const aes = (name = 'key1', secret = key) => ({ aescbc: { keys: [{ name, secret }] } })
const one = (provider: object, resources = ['secrets']) => configuration([{ resources, providers: [provider] }])
const kms = (more: object = {}) => ({ kms: { apiVersion: 'v2', name: 'vault', endpoint: 'unix:///kms.sock', ...more } })

describe('EncryptionConfiguration', () => {
  const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['another kind', '{"apiVersion":"v1","kind":"Secret"}', /^no kind "Secret" is registered for version "v1"$/],
    ['no resources', configuration([]), /^resources: Required value: at least one resources is required$/],
    [
      'an unknown field',
      configuration([{ colour: 'red' }]),
      /strict decoding error: unknown field "resources\[0\].colour"/,
    ],
    [
      'an empty list of resources',
      one(aes(), []),
      /^resources\[0\]\.resources: Required value: at least one resources\[0\]\.resources is required$/,
    ],
    [
      'no providers',
      configuration([{ resources: ['secrets'], providers: [] }]),
      /resources\[0\]\.providers: Required value: at least one/,
    ],
    ['an empty provider', one({}), /provider does not contain any of the expected providers/],
    ['two providers in one', one({ ...aes(), identity: {} }), /more than one provider specified in a single element/],
    [
      'no keys',
      one({ aesgcm: { keys: [] } }),
      /providers\[0\]\.aesgcm\.keys: Required value: at least one keys is required/,
    ],
    ['a key without a name', one(aes('')), /keys\[0\]\.name: Required value: name is a mandatory field for a key/],
    ['a key without a secret', one(aes('k', '')), /secret is a mandatory field for a key/],
    ['a secret that is no base64', one(aes('k', '!')), /Invalid value: "REDACTED": secrets must be base64 encoded/],
    ['a secret of a wrong length', one(aes('k', 'YWJj')), /got 3, expected one of \[16 24 32\]/],
    [
      'a short secretbox key',
      one({ secretbox: { keys: [{ name: 'k', secret: Buffer.alloc(16).toString('base64') }] } }),
      /got 16, expected one of \[32\]/,
    ],
    ['a capital letter', one(aes(), ['Secrets']), /resource name should not contain capital letters/],
    ['a bare star', one(aes(), ['*']), /use '\*\.' to encrypt all the resources from core API group/],
    ['an allocator', one(aes(), ['servicenodeportallocations']), /do not have REST API\/s cannot be encrypted/],
    ['events.k8s.io', one(aes(), ['events.events.k8s.io']), /Use 'events' instead/],
    ['extensions', one(aes(), ['ingresses.extensions']), /'extensions' group has been removed/],
    ['a resource of all groups', one(aes(), ['secrets.*']), /encrypting the same resource across groups/],
    ['a resource twice', one(aes(), ['secrets', 'secrets']), /the same resource cannot be specified multiple times/],
    ['a resource and its group', one(aes(), ['secrets', '*.']), /using overlapping resources/],
    ['a plugin without a name', one(kms({ name: '' })), /name is a mandatory field for a provider/],
    ['a plugin with a colon', one(kms({ name: 'a:b' })), /must not contain ':'/],
    [
      'a plugin over TCP',
      one(kms({ endpoint: 'http://kms' })),
      /unsupported scheme "http" for KMS provider, only unix/,
    ],
    ['a plugin with no patience', one(kms({ timeout: '0s' })), /timeout should be a positive value/],
    ['a cache for v2', one(kms({ cachesize: 10 })), /cachesize is not supported in v2/],
    ['v3', one(kms({ apiVersion: 'v3' })), /only v1 and v2 are supported/],
    [
      'one plugin twice',
      configuration([
        { resources: ['secrets'], providers: [kms()] },
        { resources: ['configmaps'], providers: [kms()] },
      ]),
      /duplicate KMS provider name vault, names must be unique/,
    ],
  ]
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => parseEncryptionConfiguration(text, false), { message }))
  }

  it('names every problem at once, and no secret', () => {
    const text = one({ aesgcm: { keys: [{ name: '', secret: 'c2VjcmV0' }] } }, ['Secrets'])
    assert.throws(
      () => parseEncryptionConfiguration(text, false),
      ({ message }: Error) =>
        message.startsWith('[') && message.split(', ').length >= 3 && !message.includes('c2VjcmV0'),
    )
  })

  it('is known by its first name, too', () => {
    const text = one(aes())
      .replace('apiserver.config.k8s.io/v1', 'v1')
      .replace('EncryptionConfiguration', 'EncryptionConfig')
    assert.equal(parseEncryptionConfiguration(text, false).resources.length, 1)
  })
})

describe('transformers of a configuration', () => {
  const deps = { log: createLogger('test'), metrics: createEncryptionMetrics(new Registry(), 'test') }
  const build = (text: string) => buildTransformers(parseEncryptionConfiguration(text, false), deps)
  const context = Buffer.from('key')
  const data = Buffer.from('{}')
  const prefixFor = async (text: string, group: string, resource: string): Promise<string> => {
    const stored = (await build(text)).of({ group, resource }).toStorage(data, context) as Buffer
    return stored.toString('latin1').replace(/(k8s:enc:[a-z]+:v1:\w+:).*/s, '$1')
  }

  it('store under the prefixes that upstream stores under', async () => {
    for (const type of ['aesgcm', 'aescbc', 'secretbox']) {
      const text = one({ [type]: { keys: [{ name: 'k1', secret: key }] } })
      assert.equal(await prefixFor(text, '', 'secrets'), `k8s:enc:${type}:v1:k1:`)
    }
  })

  it('are found by name, by group, for all, or not at all', async () => {
    const text = configuration([
      { resources: ['secrets'], providers: [aes('named')] },
      { resources: ['*.apps'], providers: [aes('group')] },
      { resources: ['*.*'], providers: [aes('all')] },
    ])
    assert.equal(await prefixFor(text, '', 'secrets'), 'k8s:enc:aescbc:v1:named:')
    assert.equal(await prefixFor(text, 'apps', 'deployments'), 'k8s:enc:aescbc:v1:group:')
    assert.equal(await prefixFor(text, 'batch', 'jobs'), 'k8s:enc:aescbc:v1:all:')
    assert.equal(await prefixFor(one(aes()), '', 'pods'), '{}')
    assert.equal(await prefixFor(one(aes(), ['*.']), '', 'pods'), 'k8s:enc:aescbc:v1:key1:')
    assert.equal(await prefixFor(one(aes(), ['*.']), 'apps', 'deployments'), '{}')
  })

  it('are refused where an earlier wildcard hides them', async () => {
    const text = configuration([
      { resources: ['*.apps'], providers: [aes()] },
      { resources: ['deployments.apps'], providers: [aes()] },
    ])
    await assert.rejects(build(text), { message: 'resource "deployments.apps" is masked by earlier rule "*.apps"' })
  })

  it('read what a later key of the same provider wrote, as stale', async () => {
    const keys = [
      { name: 'new', secret: Buffer.alloc(32, 2).toString('base64') },
      { name: 'old', secret: key },
    ]
    const old = (await build(one(aes('old')))).of({ group: '', resource: 'secrets' })
    const both = (await build(one({ aescbc: { keys } }))).of({ group: '', resource: 'secrets' })
    const plain = both.fromStorage(old.toStorage(data, context) as Buffer, context) as Plain
    assert.deepEqual(plain, { data, stale: true })
  })

  it('refuse KMS v1, as upstream does by default', async () => {
    await assert.rejects(build(one(kms({ apiVersion: 'v1' }))), { message: /^KMSv1 is deprecated/ })
  })
})

describe('the resource of a key', () => {
  const resourceOf = createResourceOfKey('/registry')
  const cases: readonly (readonly [key: string, group: string, resource: string])[] = [
    ['/registry/secrets/default/a', '', 'secrets'],
    ['/registry/services/specs/default/a', '', 'services'],
    ['/registry/services/endpoints/default/a', '', 'endpoints'],
    ['/registry/minions/n1', '', 'nodes'],
    ['/registry/deployments/default/a', 'apps', 'deployments'],
    ['/registry/events/default/a', '', 'events'],
    ['/registry/ranges/servicenodeports', '', 'servicenodeportallocations'],
    ['/registry/example.com/widgets/default/a', 'example.com', 'widgets'],
  ]
  for (const [name, group, resource] of cases) {
    it(`is ${resource} of "${group}" for ${name}`, () => assert.deepEqual(resourceOf(name), { group, resource }))
  }
})
