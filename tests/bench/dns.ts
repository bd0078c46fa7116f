/**
 * `npm run bench:dns`: how many names a second cluster DNS answers, and at what cost, beside Debian's dnsmasq with the
 * same names. One client with 64 questions under way, on the loopback address; the client takes a core of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from 'dns-packet'
import { restartablePort } from '../../testing/ports.ts'
import { cpuMsOf } from './processes.ts'
import { round } from './statistics.ts'

const services = 5_000
const inFlight = 64
const seconds = 3
const rounds = 3

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const nameOf = (index: number): string => `service-${index % services}.bench.svc.cluster.local`
const queries = Array.from({ length: services }, (_, index) =>
  encode({ type: 'query', id: 0, flags: 0x0100, questions: [{ name: nameOf(index), type: 'A', class: 'IN' }] }),
)

interface Result {
  readonly perSecond: number
  readonly failures: number
}

/** Each answer lets the next question go. */
const load = (port: number): Promise<Result> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    let sent = 0
    let answered = 0
    let failures = 0
    const send = (): void => {
      const query = queries[(sent * 7) % services]
      if (query === undefined) return
      query.writeUInt16BE(sent & 0xffff, 0)
      sent++
      socket.send(query, port, '127.0.0.1')
    }
    socket.on('message', (message) => {
      answered++
      if (message.readUInt16BE(6) !== 1) failures++
      send()
    })
    const begin = performance.now()
    socket.bind(0, '127.0.0.1', () => {
      for (let index = 0; index < inFlight; index++) send()
      setTimeout(() => {
        const elapsed = (performance.now() - begin) / 1000
        socket.close()
        resolve({ perSecond: answered / elapsed, failures })
      }, seconds * 1000)
    })
  })

const untilAnswers = async (port: number): Promise<void> => {
  const query = queries[0]
  for (let attempt = 0; attempt < 100 && query !== undefined; attempt++) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = createSocket('udp4')
      const end = (result: boolean): void => {
        clearTimeout(timer)
        socket.close()
        resolve(result)
      }
      const timer = setTimeout(() => end(false), 100)
      socket.once('message', () => end(true))
      socket.send(query, port, '127.0.0.1')
    })
    if (answered) return
  }
  throw new Error(`nobody answers at port ${port}`)
}

const directory = mkdtempSync(join(tmpdir(), 'kubets-dns-'))
const hosts = join(directory, 'hosts')
writeFileSync(
  hosts,
  Array.from({ length: services }, (_, index) => `10.96.${index >> 8}.${index & 255} ${nameOf(index)}\n`).join(''),
)
const ownServer = fileURLToPath(new URL('dns-server.ts', import.meta.url))
const servers: readonly [string, (port: number) => ChildProcess][] = [
  [
    'kubets',
    (port) =>
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ownServer, String(port), String(services)]),
  ],
  [
    'dnsmasq',
    (port) =>
      spawn('dnsmasq', [
        ...'--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces'.split(' '),
        ...'--listen-address=127.0.0.1 --user=root --cache-size=10000'.split(' '),
        `--port=${port}`,
        `--addn-hosts=${hosts}`,
      ]),
  ],
]
try {
  for (const [name, start] of servers) {
    const port = await restartablePort()
    const server = start(port)
    try {
      await untilAnswers(port)
      const results: Result[] = []
      const cpuBefore = cpuMsOf(server.pid ?? 0)
      for (let turn = 0; turn < rounds; turn++) results.push(await load(port))
      const cpu = cpuMsOf(server.pid ?? 0) - cpuBefore
      const rates = results.map(({ perSecond }) => perSecond).sort((a, b) => a - b)
      const total = rates.reduce((sum, rate) => sum + rate * seconds, 0)
      const failures = results.reduce((sum, result) => sum + result.failures, 0)
      const [median = 0, best = 0] = [rates[Math.floor(rounds / 2)], rates.at(-1)]
      say(
        `${name}: median ${Math.round(median)}/s, best ${Math.round(best)}/s, ${round((cpu / total) * 1000)} µs CPU each, ${failures} without an answer`,
      )
    } finally {
      server.kill()
    }
  }
  say(`load average ${loadavg()[0]?.toFixed(1)}`)
} finally {
  rmSync(directory, { recursive: true })
}
