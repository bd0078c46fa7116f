import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pino } from 'pino'
import type { Image, ImageService, RuntimeService } from '../runtime-service.ts'
import { createCredentialPlugins, loadPlugins } from './credential-plugins.ts'
import { bytesToFree, createImageGc, type GcPolicy, inEvictionOrder, toFree, tooOld } from './image-gc.ts'
import { pullFailure } from './image-manager.ts'
import { lookUp, matchesImage, parseDockerConfig, type PullCredentials, repositoryOf } from './keyring.ts'
import { createPullRecords, isAllowlisted, mayUse, type VerificationPolicy } from './pull-records.ts'

const root = mkdtempSync(join(tmpdir(), 'kubets-images-'))
after(() => rmSync(root, { recursive: true, force: true }))
const log = pino({ enabled: false })
let count = 0
const newFolder = (): string => {
  const folder = join(root, String(++count))
  mkdirSync(folder)
  return folder
}

describe('credentials', () => {
  it('are for the repositories that their registry matches', () => {
    const cases: [string, string, boolean][] = [
      ['reg.example.com', 'reg.example.com/a/b', true],
      ['reg.example.com/a', 'reg.example.com/a/b', true],
      ['reg.example.com/x', 'reg.example.com/a/b', false],
      ['*.example.com', 'reg.example.com/a', true],
      ['*.example.com', 'a.reg.example.com/a', false],
      ['*.example.com', 'example.com/a', false],
      ['reg*.*.com', 'reg1.example.com/a', true],
      ['reg.example.com:5000', 'reg.example.com/a', false],
      ['reg.example.com:5000', 'reg.example.com:5000/a', true],
      ['reg.example.com', 'regXexample.com/a', false],
      ['[fd00::1]:5000', 'localhost/a', false],
      ['[', 'localhost/a', false],
    ]
    for (const [match, repository, expected] of cases) assert.equal(matchesImage(match, repository), expected, match)
  })

  it('are asked for by the repository that is meant', () => {
    assert.equal(repositoryOf('busybox'), 'index.docker.io/library/busybox')
    assert.equal(repositoryOf('docker.io/a/b:1'), 'index.docker.io/a/b')
    assert.equal(repositoryOf('reg.example:5000/a@sha256:abc'), 'reg.example:5000/a')
  })

  it('come from docker’s configuration in all its forms, the most specific first', () => {
    const auth = Buffer.from('me:pass:word').toString('base64')
    const entries = parseDockerConfig(
      JSON.stringify({
        auths: {
          'https://index.docker.io/v1/': { auth },
          'reg.example.com': { username: 'u', password: 'general' },
          'https://reg.example.com/team/': { username: 'u', password: 'team' },
        },
      }),
    )
    const passwords = (image: string): string[] =>
      lookUp(entries, image, undefined).map(({ auth: { username, password } }) => `${username} ${password}`)
    assert.deepEqual(passwords('reg.example.com/team/x:1'), ['u team', 'u general'])
    assert.deepEqual(passwords('busybox:1'), ['me pass:word'])
    assert.deepEqual(passwords('other.example.com/x'), [])
    assert.equal(parseDockerConfig('{"reg.example.com":{"auth":"YTpi"}}')[0]?.password, 'b')
  })
})

describe('a pull that fails', () => {
  it('has the reason that the runtime’s error begins with', () => {
    const of = (text: string) => Object.values(pullFailure('img', new Error(text)))
    assert.deepEqual(of('test'), ['ErrImagePull', 'test'])
    assert.deepEqual(of('RegistryUnavailable: foo'), [
      'RegistryUnavailable',
      'image pull failed for img because the registry is unavailable: foo',
    ])
    assert.deepEqual(of('SignatureValidationFailed'), [
      'SignatureValidationFailed',
      'image pull failed for img because the signature validation failed',
    ])
  })
})

describe('a credential provider plugin', () => {
  const setUp = (answer: object, script = '') => {
    const folder = newFolder()
    const calls = join(folder, 'calls')
    const file = join(folder, 'plugin')
    writeFileSync(calls, '')
    writeFileSync(
      file,
      `#!/bin/sh\nread -r request; echo "$request $1 $X" >> ${calls}\n${script || `echo '${JSON.stringify(answer)}'`}\n`,
    )
    chmodSync(file, 0o755)
    const config = join(folder, 'config.yaml')
    const provider = {
      name: 'plugin',
      apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
      matchImages: ['*.example.com'],
      defaultCacheDuration: '1m',
      args: ['arg'],
      env: [{ name: 'X', value: 'x' }],
    }
    const write = (fields: object): void =>
      writeFileSync(
        config,
        JSON.stringify({
          apiVersion: 'kubelet.config.k8s.io/v1',
          kind: 'CredentialProviderConfig',
          providers: [{ ...provider, ...fields }],
        }),
      )
    write({})
    let clock = 0
    const open = () => createCredentialPlugins(loadPlugins(config, folder), { now: () => clock, log })
    return {
      open,
      write,
      calls: () => readFileSync(calls, 'utf8').trim().split('\n').filter(Boolean),
      wait: (ms: number) => (clock += ms),
    }
  }
  const answer = (fields: object) => ({
    kind: 'CredentialProviderResponse',
    apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
    auth: { 'reg.example.com': { username: 'u', password: 'p' } },
    ...fields,
  })

  it('is asked for images that are its own, with the arguments and variables of its configuration', async () => {
    const { open, calls } = setUp(answer({ cacheKeyType: 'Image' }))
    const plugins = open()
    assert.deepEqual(await plugins.entriesFor('other.org/a:1'), [])
    assert.deepEqual(await plugins.entriesFor('reg.example.com/a:1'), [
      { match: 'reg.example.com', username: 'u', password: 'p' },
    ])
    assert.deepEqual(calls(), [
      '{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","kind":"CredentialProviderRequest","image":"reg.example.com/a"} arg x',
    ])
  })

  it('is not asked again for what its answer is for, as long as that holds', async () => {
    for (const [cacheKeyType, expected] of [
      ['Image', 3],
      ['Registry', 2],
      ['Global', 1],
    ] as const) {
      const { open, calls } = setUp(answer({ cacheKeyType }))
      const plugins = open()
      const images = ['reg.example.com/a:1', 'reg.example.com/a:2', 'reg.example.com/b', 'two.example.com/a']
      for (const image of images) await plugins.entriesFor(image)
      assert.equal(calls().length, expected, cacheKeyType)
    }
    const short = setUp(answer({ cacheKeyType: 'Global', cacheDuration: '10s' }))
    const plugins = short.open()
    for (const [ms, expected] of [
      [0, 1],
      [9000, 1],
      [2000, 2],
    ] as const) {
      short.wait(ms)
      await plugins.entriesFor('reg.example.com/a')
      assert.equal(short.calls().length, expected)
    }
    const none = setUp(answer({ cacheKeyType: 'Global', cacheDuration: '0s' }))
    const uncached = none.open()
    await uncached.entriesFor('reg.example.com/a')
    await uncached.entriesFor('reg.example.com/a')
    assert.equal(none.calls().length, 2)
  })

  it('that fails, or answers nonsense, has no credentials', async () => {
    for (const script of [
      'echo bad >&2; exit 1',
      'echo nonsense',
      `echo '${JSON.stringify(answer({ cacheKeyType: 'X' }))}'`,
    ]) {
      assert.deepEqual(await setUp({}, script).open().entriesFor('reg.example.com/a'), [])
    }
  })

  it('ends the start where its configuration is wrong', () => {
    const wrong: [object, RegExp][] = [
      [{ name: 'missing' }, /plugin binary executable .*missing did not exist/],
      [{ name: '../plugin' }, /name cannot be a path/],
      [{ apiVersion: 'v1' }, /Unsupported value: "v1": supported values: "credentialprovider/],
      [{ matchImages: [] }, /at least 1 item in matchImages is required/],
      [{ defaultCacheDuration: undefined }, /defaultCacheDuration is required/],
      [{ tokenAttributes: {} }, /not implemented/],
    ]
    for (const [fields, message] of wrong) {
      const { open, write } = setUp({})
      write(fields)
      assert.throws(open, message)
    }
  })
})

describe('pull records', () => {
  const secret = { uid: 'u1', namespace: 'ns', name: 's' }
  const credentials = (hash: string, source: PullCredentials['source'] = secret): PullCredentials => ({
    auth: { username: 'u', password: hash, serverAddress: 'reg' },
    hash,
    source,
  })
  const open = (policy: VerificationPolicy = 'NeverVerifyPreloadedImages', allowlist: string[] = []) =>
    createPullRecords(newFolder(), { policy, allowlist, now: () => 0 })
  const image = 'reg.example.com/a:1'
  const present = async (records: ReturnType<typeof open>, ...all: PullCredentials[]): Promise<boolean> =>
    records.mustPull(image, 'sha256:1', async () => all)

  it('let everybody use what was pulled without a Secret, or was there before', async () => {
    const records = open()
    assert.equal(await present(records), false)
    await records.begin(image)
    assert.equal(await present(records), true) // what comes of this pull is the kubelet's
    await records.succeeded(image, 'sha256:1', undefined)
    assert.equal(await present(records), false)
  })

  it('let those use what was pulled with a Secret who have it, or the same in another', async () => {
    const records = open()
    await records.begin(image)
    await records.succeeded(image, 'sha256:1', credentials('h1'))
    assert.equal(await present(records), true)
    assert.equal(await present(records, credentials('h2', { ...secret, uid: 'u2' })), true)
    assert.equal(await present(records, credentials('h1')), false)
    assert.equal(await present(records, credentials('h1', { ...secret, uid: 'u2' })), false)
    assert.equal(await present(records, credentials('new', secret)), false)
    // The same image by another name is another matter.
    assert.equal(await records.mustPull('other.example.com/a', 'sha256:1', async () => [credentials('h1')]), true)
    await records.succeeded(image, 'sha256:1', undefined)
    assert.equal(await present(records), false)
    assert.deepEqual([...(await records.pulled())], ['sha256:1'])
    await records.forget('sha256:1')
    assert.deepEqual([...(await records.pulled())], [])
  })

  it('are asked as the policy says', async () => {
    assert.equal(await present(open('NeverVerify')), false)
    assert.equal(await present(open('AlwaysVerify')), true)
    assert.equal(await present(open('NeverVerifyAllowlistedImages', ['reg.example.com/a'])), false)
    assert.equal(await present(open('NeverVerifyAllowlistedImages', ['reg.example.com/b'])), true)
    assert.equal(isAllowlisted(['reg.example.com/*'], image), true)
    assert.equal(isAllowlisted(['reg.example.co/*'], image), false)
    assert.equal(mayUse(undefined, [credentials('h1')]), false)
  })
})

describe('image garbage collection', () => {
  const policy: GcPolicy = { highThresholdPercent: 85, lowThresholdPercent: 80, minAgeMs: 100, maxAgeMs: 0 }
  const candidate = (id: string, lastUsed: number, firstSeen = 0, sizeBytes = 10) => ({
    id,
    lastUsed,
    firstSeen,
    sizeBytes,
  })
  const ids = (all: readonly { readonly id: string }[]): string => all.map(({ id }) => id).join('')

  it('frees as much as brings the disk to the low threshold, once it is at the high one', () => {
    assert.equal(bytesToFree({ total: 1000, available: 160 }, policy), 0)
    assert.equal(bytesToFree({ total: 1000, available: 159 }, policy), 41)
    assert.equal(bytesToFree({ total: 1000, available: 0 }, policy), 200)
    assert.equal(bytesToFree({ total: 1000, available: 2000 }, policy), 0)
  })

  it('begins with what was not used for longest, and leaves what is young', () => {
    const all = [candidate('a', 5), candidate('b', 3, 2), candidate('c', 3, 1), candidate('d', 0, 150)]
    assert.equal(ids(inEvictionOrder(all)), 'dcba')
    assert.equal(ids(toFree(all, 15, policy, 200)), 'cb')
    assert.equal(ids(toFree(all, 1000, policy, 300)), 'dcba')
  })

  it('takes what is too old, after it has watched for as long', () => {
    const old = { ...policy, maxAgeMs: 100 }
    const all = [candidate('a', 50), candidate('b', 190)]
    assert.equal(ids(tooOld(all, old, { now: 200, startedAt: 0 })), 'a')
    assert.equal(ids(tooOld(all, old, { now: 200, startedAt: 150 })), '')
    assert.equal(ids(tooOld(all, policy, { now: 200, startedAt: 0 })), '')
  })

  const setUp = async (sharesImages: boolean) => {
    const image = (id: string, fields: Partial<Image> = {}): Image => ({
      id,
      repoTags: [id],
      repoDigests: [],
      sizeBytes: 10,
      user: '',
      pinned: false,
      ...fields,
    })
    let present = [
      image('ours'),
      image('theirs'),
      image('used'),
      image('busy'),
      image('pause'),
      image('pinned', { pinned: true }),
    ]
    let clock = 0
    const records = createPullRecords(newFolder(), { policy: 'NeverVerify', allowlist: [], now: () => clock })
    for (const id of ['ours', 'used', 'busy']) await records.succeeded(id, id, undefined)
    const warnings: string[] = []
    const gc = createImageGc({
      runtime: { listContainers: async () => [{ imageRef: 'used' }] } as unknown as RuntimeService,
      images: {
        listImages: async () => present,
        removeImage: async (id: string) => {
          if (id === 'busy') throw new Error('in use')
          present = present.filter((other) => other.id !== id)
        },
      } as unknown as ImageService,
      records,
      policy,
      sharesImages,
      pauseImage: 'pause',
      disk: async () => ({ total: 1000, available: 140 }),
      warn: (reason) => warnings.push(reason),
      onCollected: () => undefined,
      now: () => clock,
      log,
    })
    await gc.collect() // all are new: none is old enough
    clock = 1000
    return { gc, records, warnings, left: () => present.map(({ id }) => id) }
  }

  it('keeps what is used, pinned, the sandbox’s, and what cannot be removed', async () => {
    const { gc, left, warnings } = await setUp(false)
    await gc.collect()
    assert.deepEqual(left(), ['used', 'busy', 'pause', 'pinned'])
    assert.deepEqual(warnings, ['FreeDiskSpaceFailed', 'FreeDiskSpaceFailed'])
  })

  it('touches only what the kubelet has pulled where the engine is the user’s, too', async () => {
    const { gc, left, records } = await setUp(true)
    await gc.collectAll()
    assert.deepEqual(left(), ['theirs', 'used', 'busy', 'pause', 'pinned'])
    assert.deepEqual([...(await records.pulled())].toSorted(), ['busy', 'used'])
  })
})
