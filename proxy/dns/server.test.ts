import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { decode, encode, type OptAnswer, type Packet, type Question } from 'dns-packet'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { createProxyMetrics } from '../metrics.ts'
import { createForwarder, type Resolver } from './forwarder.ts'
import { serveDns } from './server.ts'
import { Zone } from './zone.ts'

const edns = (udpPayloadSize: number, ednsVersion = 0): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion,
  flags: 0,
  flag_do: false,
  options: [],
})

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const askUdp = (port: number, query: Buffer): Promise<Packet> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('message', (message) => {
      socket.close()
      resolve(decode(message))
    })
    socket.send(query, port, '127.0.0.1')
  })

const askTcp = (port: number, query: Buffer): Promise<Packet> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 + received.readUInt16BE(0)) return
      socket.destroy()
      resolve(decode(received.subarray(2)))
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
  })

const queryFor = (name: string, type = 'A', more: Partial<Packet> = {}): Buffer =>
  encode({ type: 'query', id: 77, flags: 0x0100, questions: [{ name, type: type as 'A', class: 'IN' }], ...more })

const rcodeOf = (packet: Packet): number => (packet.flags ?? 0) & 15
const isTruncated = (packet: Packet): boolean => ((packet.flags ?? 0) & 0x0200) !== 0

/** A resolver of the outside that counts what it is asked. */
const startResolver = async (
  answers: (question: Question) => Packet,
): Promise<{ resolver: Resolver; asked: string[]; socket: Socket }> => {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const query = decode(message)
    const [question] = query.questions ?? []
    if (question === undefined) return
    asked.push(question.name)
    socket.send(
      encode({ id: query.id ?? 0, type: 'response', questions: [question], ...answers(question) }),
      from.port,
      from.address,
    )
  })
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  return { resolver: { host: '127.0.0.1', port: socket.address().port }, asked, socket }
}

describe('cluster DNS on the wire', () => {
  const stop = new AbortController()
  const port = { dns: 0 }
  let now = 0
  let outside: Awaited<ReturnType<typeof startResolver>>
  let corp: Awaited<ReturnType<typeof startResolver>>

  before(async () => {
    outside = await startResolver(({ name }) =>
      name.startsWith('none.')
        ? {
            flags: 3,
            authorities: [
              {
                type: 'SOA',
                name: 'example',
                ttl: 100,
                data: { mname: 'a', rname: 'b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 7 },
              },
            ],
          }
        : { answers: [{ type: 'A', name, ttl: 20, data: '192.0.2.1' }] },
    )
    corp = await startResolver(({ name }) => ({ answers: [{ type: 'A', name, ttl: 20, data: '192.0.2.99' }] }))
    const zone = new Zone('cluster.local', (name) => name === 'default')
    const external = (name: string, externalName: string): void =>
      zone.set(
        `default/${name}`,
        { metadata: { name, namespace: 'default' }, spec: { type: 'ExternalName', externalName } },
        [],
      )
    zone.set(
      'default/web',
      { metadata: { name: 'web', namespace: 'default' }, spec: { clusterIP: '10.96.3.4', clusterIPs: ['10.96.3.4'] } },
      [],
    )
    external('one', 'two.default.svc.cluster.local')
    external('two', 'web.default.svc.cluster.local')
    external('far', 'www.example')
    external('ring', 'ring2.default.svc.cluster.local')
    external('ring2', 'ring.default.svc.cluster.local')
    const endpoints = Array.from({ length: 100 }, (_, index) => ({ addresses: [`10.244.1.${index}`] }))
    zone.set(
      'default/many',
      { metadata: { name: 'many', namespace: 'default' }, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
      [{ addressType: 'IPv4', metadata: {}, endpoints, ports: [] }],
    )
    port.dns = await freePort()
    const forward = createForwarder({
      // Nobody listens at the first.
      servers: () => [{ host: '127.0.0.1', port: 1 }, outside.resolver],
      stubs: new Map([['corp.example', [corp.resolver]]]),
      now: () => now,
      looked: () => undefined,
    })
    const metrics = createProxyMetrics(createMetrics('test'))
    const log = createLogger('test', 0)
    await serveDns({ address: '127.0.0.1', port: port.dns, zone, forward, metrics, log }, stop.signal)
  })
  after(() => {
    stop.abort()
    outside.socket.close()
    corp.socket.close()
  })
  const ask = (name: string, type = 'A', more: Partial<Packet> = {}): Promise<Packet> =>
    askUdp(port.dns, queryFor(name, type, more))
  const dataOf = (packet: Packet): unknown[] =>
    (packet.answers ?? []).map((answer) => ('data' in answer ? answer.data : ''))

  it('follows names of names, within the cluster and out of it, and no ring', async () => {
    assert.deepEqual(dataOf(await ask('one.default.svc.cluster.local')), [
      'two.default.svc.cluster.local',
      'web.default.svc.cluster.local',
      '10.96.3.4',
    ])
    assert.deepEqual(dataOf(await ask('far.default.svc.cluster.local')), ['www.example', '192.0.2.1'])
    assert.deepEqual(dataOf(await ask('far.default.svc.cluster.local', 'CNAME')), ['www.example'])
    assert.equal((await ask('ring.default.svc.cluster.local')).answers?.length, 3)
  })

  it('cuts what does not fit, and gives it whole over TCP', async () => {
    const name = 'many.default.svc.cluster.local'
    const cut = await ask(name)
    assert.deepEqual([isTruncated(cut), cut.answers?.length], [true, 0])
    const large = await ask(name, 'A', { additionals: [edns(65_000)] })
    assert.equal(isTruncated(large), true, 'no more than fits a packet without fragments')
    const whole = await askTcp(port.dns, queryFor(name))
    assert.deepEqual([isTruncated(whole), whole.answers?.length], [false, 100])
    const opt = (await ask('web.default.svc.cluster.local', 'A', { additionals: [edns(4096)] })).additionals?.[0]
    assert.equal(opt !== undefined && 'udpPayloadSize' in opt && opt.udpPayloadSize, 1232)
  })

  it('refuses what it does not know: other operations, classes, and versions of EDNS', async () => {
    assert.equal(rcodeOf(await ask('web.default.svc.cluster.local', 'A', { flags: 0x2000 })), 4)
    const questions = [{ name: 'version.bind', type: 'TXT', class: 'CH' }] as Packet['questions']
    assert.equal(rcodeOf(await ask('', 'A', questions === undefined ? {} : { questions })), 5)
    const bad = (await ask('web.default.svc.cluster.local', 'A', { additionals: [edns(1232, 1)] })).additionals?.[0]
    assert.equal(bad !== undefined && 'extendedRcode' in bad && bad.extendedRcode, 1)
  })

  it('remembers answers from outside as long as they may live, and counts their time', async () => {
    now = 1_000_000
    outside.asked.length = 0
    const first = await ask('cached.example')
    assert.equal(first.answers?.[0] !== undefined && 'ttl' in first.answers[0] && first.answers[0].ttl, 20)
    now += 8_000
    const second = await ask('CACHED.example')
    assert.equal(second.answers?.[0] !== undefined && 'ttl' in second.answers[0] && second.answers[0].ttl, 12)
    assert.equal(second.questions?.[0]?.name, 'CACHED.example')
    assert.equal(second.id, 77)
    now += 13_000
    await ask('cached.example')
    assert.deepEqual(outside.asked, ['cached.example', 'cached.example'])
  })

  it('remembers that there is no such name, as long as its zone says', async () => {
    outside.asked.length = 0
    assert.equal(rcodeOf(await ask('none.example')), 3)
    now += 6_000
    assert.equal(rcodeOf(await ask('none.example')), 3)
    now += 2_000
    assert.equal(rcodeOf(await ask('none.example')), 3)
    assert.equal(outside.asked.length, 2)
  })

  it('asks a stub domain’s own resolvers', async () => {
    assert.deepEqual(dataOf(await ask('git.corp.example')), ['192.0.2.99'])
    assert.deepEqual(corp.asked, ['git.corp.example'])
    assert.deepEqual(dataOf(await ask('notcorp.example')), ['192.0.2.1'])
  })
})
