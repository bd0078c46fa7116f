/**
 * `npm run bench:etcd`: etcd-lite and Debian's etcd side by side, on one disk, in one run: rounds of the two by turns,
 * of which the median is shown. The load comes from the same cores, so CPU-ms of the server itself stands beside it.
 *
 * `--rounds=N` (default 3); `--keys=N` adds a store of that many keys of 1 KiB: memory, disk, time to start.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import type { EtcdKind } from '../harness/etcd-process.ts'
import { type BenchedStore, startStore } from './etcd-server.ts'
import { measure, round, type Summary, summarize } from './statistics.ts'

const allKinds: readonly EtcdKind[] = ['etcd', 'etcd-lite']
/** Values are pieces of this: LevelDB compresses its files, so they neither repeat nor compress. */
const noise = randomBytes(32 << 20)
const valueOf = (index: number): Buffer => {
  const start = (index * 1031) % (noise.length - 1024)
  return noise.subarray(start, start + 1024)
}
const prefix = '/registry/bench/'
/** Connections over which the clients are spread, as etcd's own benchmark does with --conns. */
const maxConnections = 16
const clientsPerStream = 10

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const keyOf = (index: number): Buffer => Buffer.from(`${prefix}${String(index).padStart(8, '0')}`)
const allKeys = { key: Buffer.from(prefix), rangeEnd: Buffer.from('/registry/bench0') }

interface Result extends Summary {
  /** What the server used for one operation. */
  readonly cpuMs: number
}
type Results = Record<string, Result>

const connect = (store: BenchedStore, count: number): EtcdClient[] =>
  Array.from({ length: count }, () => new EtcdClient({ endpoints: [store.endpoint] }))

/** Runs `operation` by `clients` clients at a time and counts the server's CPU. */
const load = async (
  store: BenchedStore,
  { clients, count }: { readonly clients: number; readonly count: number },
  operation: (client: EtcdClient, index: number) => Promise<unknown>,
): Promise<Result> => {
  const connections = connect(store, Math.min(clients, maxConnections))
  const pick = (index: number): EtcdClient => {
    const connection = connections[index % connections.length]
    if (connection === undefined) throw new Error('no connection')
    return connection
  }
  await Promise.all(connections.map((client) => client.status()))
  const before = store.cpuMs()
  const summary = await measure(count, clients, (index) => operation(pick(index), index))
  const cpuMs = Math.round(((store.cpuMs() - before) / count) * 1000) / 1000
  for (const connection of connections) connection.close()
  return { ...summary, cpuMs }
}

const put = (client: EtcdClient, index: number): Promise<unknown> =>
  client.put({ key: keyOf(index), value: valueOf(index) })

/** One write after the other; each is measured until the last watcher has its event. */
const fanOut = async (store: BenchedStore, watchers: number, writes: number): Promise<Result> => {
  const streams = connect(store, Math.ceil(watchers / clientsPerStream))
  const stopping = new AbortController()
  let missing = 0
  let whenAll = Promise.withResolvers<void>()
  const created = Promise.withResolvers<void>()
  let open = 0
  const follow = async (client: EtcdClient, count: number): Promise<void> => {
    const stream = client.openWatch(stopping.signal)
    for (let i = 0; i < count; i++) stream.write({ createRequest: { ...allKeys } })
    for await (const { created: isCreated, events } of stream.responses) {
      if (isCreated && ++open === watchers) created.resolve()
      missing -= events.length
      if (events.length > 0 && missing === 0) whenAll.resolve()
    }
  }
  const followed = streams.map((client, i) =>
    follow(client, Math.min(clientsPerStream, watchers - i * clientsPerStream)).catch(() => undefined),
  )
  await created.promise
  using writer = new EtcdClient({ endpoints: [store.endpoint] })
  const before = store.cpuMs()
  const latencies: number[] = []
  const startedAt = performance.now()
  for (let index = 0; index < writes; index++) {
    missing = watchers
    whenAll = Promise.withResolvers<void>()
    const sentAt = performance.now()
    await put(writer, index)
    await whenAll.promise
    latencies.push(performance.now() - sentAt)
  }
  const summary = summarize(latencies, performance.now() - startedAt)
  const cpuMs = Math.round(((store.cpuMs() - before) / writes) * 1000) / 1000
  stopping.abort()
  await Promise.all(followed)
  for (const client of streams) client.close()
  return { ...summary, cpuMs }
}

/** What an API server does: three reads, a guarded update, now and then a list of 100. */
const mixed = async (client: EtcdClient, index: number): Promise<unknown> => {
  const key = keyOf((index * 7919) % 1000)
  if (index % 20 === 0) return client.range({ ...allKeys, limit: 100 })
  if (index % 4 !== 0) return client.range({ key })
  const { kvs } = await client.range({ key })
  return client.txn({
    compare: [{ target: 2, result: 0, key, modRevision: kvs[0]?.modRevision ?? 0 }],
    success: [{ requestPut: { key, value: valueOf(index) } }],
    failure: [{ requestRange: { key } }],
  })
}

const benchOne = async (
  kind: EtcdKind,
): Promise<{ readonly results: Results; readonly rssMiB: number; readonly diskMiB: number }> => {
  await using store = await startStore(kind)
  await load(store, { clients: 32, count: 2000 }, put) // warm
  const results: Results = {
    'put, 1 client': await load(store, { clients: 1, count: 1000 }, put),
    'put, 32 clients': await load(store, { clients: 32, count: 10_000 }, put),
    'put, 256 clients': await load(store, { clients: 256, count: 20_000 }, put),
    'range of 1 key, 1 client': await load(store, { clients: 1, count: 3000 }, (client, i) =>
      client.range({ key: keyOf(i % 1000) }),
    ),
    'range of 1 key, 32 clients': await load(store, { clients: 32, count: 15_000 }, (client, i) =>
      client.range({ key: keyOf(i % 1000) }),
    ),
    'range of 1,000 keys, 4 clients': await load(store, { clients: 4, count: 300 }, (client) =>
      client.range({ ...allKeys, limit: 1000 }),
    ),
    'watch fan-out to 100': await fanOut(store, 100, 200),
    'watch fan-out to 1,000': await fanOut(store, 1000, 40),
    'mixed, 32 clients': await load(store, { clients: 32, count: 10_000 }, mixed),
  }
  return { results, rssMiB: store.rssMiB(), diskMiB: store.diskMiB() }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >>> 1] ?? 0

/** Fills a store, and starts it again. */
const benchKeys = async (kind: EtcdKind, keys: number): Promise<Record<string, number>> => {
  await using store = await startStore(kind)
  const filled = await load(store, { clients: 256, count: keys }, put)
  const full = store.rssMiB()
  const diskMiB = store.diskMiB()
  const startSeconds = round(await store.restart())
  return {
    putsPerSecond: filled.perSecond,
    rssFullMiB: full,
    diskMiB,
    startSeconds,
    rssStartedMiB: store.rssMiB(),
  }
}

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)

const rounds = Number(argument('rounds') ?? 3)
const kinds = allKinds.filter((kind) => (argument('only') ?? kind) === kind)
const keys = Number(argument('keys') ?? 0)
const all: Record<EtcdKind, Awaited<ReturnType<typeof benchOne>>[]> = { etcd: [], 'etcd-lite': [] }
say(`Load average of this machine before: ${round(loadavg()[0] ?? 0)}`)
for (let turn = 0; turn < rounds; turn++) {
  for (const kind of kinds) {
    say(`round ${turn + 1} of ${rounds}: ${kind}`)
    all[kind].push(await benchOne(kind))
  }
}
const names = Object.keys(all[kinds[0] ?? 'etcd'][0]?.results ?? {})
const pick = (kind: EtcdKind, name: string, field: keyof Result): number =>
  median(all[kind].map(({ results }) => results[name]?.[field] ?? 0))
const rows = names.map((name) => ({
  name,
  ...Object.fromEntries(
    kinds.flatMap((kind) =>
      (['perSecond', 'p50Ms', 'p99Ms', 'cpuMs'] as const).map((field) => [`${kind} ${field}`, pick(kind, name, field)]),
    ),
  ),
  ratio: round(pick('etcd-lite', name, 'perSecond') / pick('etcd', name, 'perSecond')),
}))
const cells = rows.map((row) => Object.values(row).map(String))
const header = Object.keys(rows[0] ?? { nothing: '' })
const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)))
for (const row of [header, ...cells]) say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
const resources = Object.fromEntries(
  kinds.map((kind) => [
    kind,
    { rssMiB: median(all[kind].map((r) => r.rssMiB)), diskMiB: median(all[kind].map((r) => r.diskMiB)) },
  ]),
)
say(JSON.stringify(resources))
const filled: Record<string, unknown> = {}
if (keys > 0) {
  for (const kind of kinds) {
    filled[kind] = await benchKeys(kind, keys)
    say(`${keys} keys of 1 KiB, ${kind}: ${JSON.stringify(filled[kind])}`)
  }
}
const output = argument('output')
if (output !== undefined) writeFileSync(output, `${JSON.stringify({ rows, resources, filled }, undefined, 2)}\n`)
