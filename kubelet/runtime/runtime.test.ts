import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyedBackoff } from '../backoff.ts'
import { addressesOf } from './cni/cni.ts'
import { parseNetworkConfig } from './cni/network-config.ts'
import { parseEvent } from './docker/events.ts'
import { createDemultiplexer } from './docker/multiplex.ts'
import { pauseBinary } from './docker/pause-binary.ts'
import { tar } from './docker/tar.ts'
import { normalizeImage, registryOf } from './images/image-reference.ts'

describe('createDemultiplexer', () => {
  it('puts frames together however they are cut', () => {
    const frame = (type: number, text: string): Buffer => {
      const header = Buffer.alloc(8)
      header[0] = type
      header.writeUInt32BE(text.length, 4)
      return Buffer.concat([header, Buffer.from(text)])
    }
    const bytes = Buffer.concat([frame(1, 'hello'), frame(2, 'oops'), frame(1, ''), frame(1, '!')])
    for (const size of [1, 3, 8, 100]) {
      const split = createDemultiplexer()
      const out = { stdout: '', stderr: '' }
      for (let at = 0; at < bytes.length; at += size) {
        for (const { stderr, data } of split(bytes.subarray(at, at + size)))
          out[stderr ? 'stderr' : 'stdout'] += data.toString()
      }
      assert.deepEqual(out, { stdout: 'hello!', stderr: 'oops' })
    }
  })
})

describe('normalizeImage', () => {
  it('adds the tag that is meant and refuses what is malformed', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const cases = [
      ['busybox', 'busybox:latest'],
      ['reg.example:5000/a/b', 'reg.example:5000/a/b:latest'],
      ['a/b:1', 'a/b:1'],
      [`a@${digest}`, `a@${digest}`],
      [digest, digest],
      ['UPPER', undefined],
      ['a//b', undefined],
      ['', undefined],
      ['a:b:c', undefined],
    ]
    for (const [input = '', output] of cases) assert.equal(normalizeImage(input), output, input)
    assert.equal(registryOf('reg.example:5000/a'), 'reg.example:5000')
    assert.equal(registryOf('library/a'), 'docker.io')
  })
})

describe('KeyedBackoff', () => {
  it('doubles to its limit, counts from the end, and forgets after a quiet time', () => {
    const backoff = new KeyedBackoff({ initialMs: 10, maxMs: 40 })
    assert.equal(backoff.remaining('k', 0, 0), 0)
    for (const expected of [10, 20, 40, 40]) {
      backoff.next('k', 0, 0)
      assert.equal(backoff.remaining('k', 0, 0), expected)
    }
    assert.equal(backoff.remaining('k', 0, 15), 25)
    assert.equal(backoff.remaining('k', 81, 81), 0)
    backoff.next('k', 81, 81)
    assert.equal(backoff.duration('k'), 10)
  })
})

describe('parseEvent', () => {
  it('knows the containers of Pods by their labels', () => {
    const attributes = { 'io.kubernetes.pod.uid': 'u', 'io.kubernetes.container.name': 'c' }
    assert.deepEqual(parseEvent(JSON.stringify({ Action: 'die', Actor: { ID: 'x', Attributes: attributes } })), {
      type: 'stopped',
      podUid: 'u',
      containerId: 'x',
    })
    assert.equal(
      parseEvent(JSON.stringify({ Action: 'exec_start: sh', Actor: { ID: 'x', Attributes: attributes } })),
      undefined,
    )
    assert.equal(parseEvent(JSON.stringify({ Action: 'die', Actor: { ID: 'x', Attributes: {} } })), undefined)
  })
})

describe('CNI', () => {
  it('reads a list, and a single plugin as a list of one', () => {
    assert.equal(parseNetworkConfig('{"name":"n","cniVersion":"1.0.0","type":"bridge"}').plugins[0]?.type, 'bridge')
    assert.throws(() => parseNetworkConfig('{"name":"n","plugins":[]}'), /not a list of plugins/)
    assert.throws(() => parseNetworkConfig('{"plugins":[{"type":"x"}]}'), /no name/)
  })
  it('finds addresses in a result', () => {
    assert.deepEqual(addressesOf({ ips: [{ address: '10.0.0.2/24' }, { address: 'fd00::2/64' }] }), [
      '10.0.0.2',
      'fd00::2',
    ])
    assert.deepEqual(addressesOf(undefined), [])
  })
})

describe('the pause image', () => {
  it('is a static executable of the right machine in a tar archive', () => {
    for (const [arch, machine] of [
      ['x64', 62],
      ['arm64', 183],
    ] as const) {
      const binary = pauseBinary(arch)
      assert.equal(binary.subarray(0, 4).toString('latin1'), '\x7fELF')
      assert.equal(binary.readUInt16LE(18), machine)
      assert.equal(Number(binary.readBigUInt64LE(96)), binary.length)
    }
    const archive = tar([{ name: 'pause', mode: 0o755, data: pauseBinary('x64') }])
    assert.equal(archive.length % 512, 0)
    assert.equal(archive.subarray(257, 262).toString(), 'ustar')
  })
})
