/** Clients that take what they can get: slow bodies, watches that nobody reads, more connections than there are files. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { type ControlPlane, startControlPlane } from '../../testing/control-plane.ts'
import { createHttpTo, type Credentials, type Http } from '../harness/http.ts'
import { waitFor } from '../harness/wait.ts'

const requestTimeoutMs = 2_000
const configMaps = '/api/v1/namespaces/default/configmaps'
const flowControl = '/apis/flowcontrol.apiserver.k8s.io/v1'

let plane: ControlPlane
let admin: Http
let alice: Http
let aliceIs: Credentials

before(
  async () => {
    plane = await startControlPlane({
      flags: { 'kube-apiserver': { 'request-timeout': `${requestTimeoutMs / 1000}s` } },
    })
    const identity = (kubeconfig: string): Credentials => {
      const config = loadKubeconfig(kubeconfig)
      return { cert: String(config.cert()), key: String(config.key()) }
    }
    const endpoint = { server: plane.server, ca: plane.caPem }
    aliceIs = identity(await plane.addUser({ name: 'alice' }))
    admin = createHttpTo(endpoint, identity(plane.kubeconfig))
    alice = createHttpTo(endpoint, aliceIs)
    const binding = {
      metadata: { name: 'alice' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }],
    }
    const made = await admin('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      method: 'POST',
      body: binding,
    })
    assert.equal(made.code, 201)
  },
  { timeout: 60_000 },
)
after(async () => plane?.stop(), { timeout: 60_000 })

/** A connection of alice's that has written `head`, and is read only if the test does. */
const open = async (head: string): Promise<TLSSocket> => {
  const { hostname: host, port } = new URL(plane.server)
  const { cert = '', key = '' } = aliceIs
  const socket = connect({ host, port: Number(port), ca: plane.caPem, cert, key, ALPNProtocols: ['http/1.1'] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.pause()
  socket.write(head)
  return socket
}

describe('a slow client', () => {
  it('that sends its body byte by byte is answered when the time of its request is over, and closed', async () => {
    const started = performance.now()
    const head = `POST ${configMaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(head)))
    const trickle = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write(' ')
    }, 50)
    const answers = sockets.map(
      (socket) =>
        new Promise<string>((resolve) => {
          let text = ''
          socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
          socket.once('close', () => resolve(text)).resume()
        }),
    )
    try {
      assert.equal((await alice(configMaps)).code, 200)
      for (const text of await Promise.all(answers)) {
        assert.match(text, /^HTTP\/1\.1 504 /)
        assert.match(text, /\r\nConnection: close\r\n/)
      }
      assert.ok(performance.now() - started >= requestTimeoutMs)
    } finally {
      clearInterval(trickle)
      for (const socket of sockets) socket.destroy()
    }
  })
})

describe('a hoarder of watches', () => {
  it('that reads nothing keeps its seat no longer than a request has time', async () => {
    const bytes = 1_000_000
    for (let i = 0; i < 12; i++) {
      const body = { metadata: { name: `big-${i}` }, data: { text: 'x'.repeat(bytes) } }
      assert.equal((await admin(configMaps, { method: 'POST', body })).code, 201)
    }
    const limitResponse = { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 5 } }
    const limited = { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse }
    const level = { metadata: { name: 'hoarder' }, spec: { type: 'Limited', limited } }
    assert.equal((await admin(`${flowControl}/prioritylevelconfigurations`, { method: 'POST', body: level })).code, 201)
    const rules = [
      {
        subjects: [{ kind: 'User', user: { name: 'alice' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
      },
    ]
    const spec = { priorityLevelConfiguration: { name: 'hoarder' }, matchingPrecedence: 50, rules }
    const schema = { metadata: { name: 'hoarder' }, spec }
    const { json } = await admin(`${flowControl}/flowschemas`, { method: 'POST', body: schema })
    const { uid } = json['metadata'] as { uid: string }
    const isHers = async () => (await alice(`${configMaps}/big-0`)).headers['x-kubernetes-pf-flowschema-uid'] === uid
    await waitFor(isHers, { what: 'the FlowSchema to take effect' })
    const seats = async (): Promise<number> => {
      const { text } = await admin('/metrics')
      return Number(
        /_current_executing_seats\{priority_level="hoarder",flow_schema="hoarder"\} (\d+)/.exec(text)?.[1] ?? 0,
      )
    }
    const started = performance.now()
    const watch = `GET ${configMaps}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n`
    const hoarded = await Promise.all(Array.from({ length: 8 }, () => open(watch)))
    try {
      await waitFor(async () => (await seats()) > 0, { what: 'a watch that nobody reads to have its seat' })
      await waitFor(async () => (await alice(`${configMaps}/big-0`)).code === 200, { what: 'a seat to be free again' })
      assert.ok(performance.now() - started < 20_000)
      assert.ok(hoarded.some(({ destroyed }) => !destroyed))
    } finally {
      for (const socket of hoarded) socket.destroy()
    }
  })
})

describe('more connections than the process may have files', () => {
  it('are closed, and those that come later are served', async () => {
    const pid = plane.pid('kube-apiserver') ?? assert.fail('no API server')
    const files = readdirSync(`/proc/${pid}/fd`).length
    const limit = (soft: string): Buffer => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`])
    const before =
      /^Max open files\s+(\d+)/m.exec(execFileSync('cat', [`/proc/${pid}/limits`], { encoding: 'utf8' }))?.[1] ?? ''
    limit(String(files + 20))
    const { hostname, port } = new URL(plane.server)
    const sockets = Array.from({ length: 200 }, () => connectTcp(Number(port), hostname))
    for (const socket of sockets) socket.on('error', () => {})
    try {
      await waitFor(() => sockets.filter(({ readyState }) => readyState === 'open').length > 20, {
        what: 'connections',
      })
    } finally {
      for (const socket of sockets) socket.destroy()
    }
    await waitFor(async () => (await admin('/readyz')).code === 200, { what: 'the API server to serve again' })
    limit(before)
    assert.equal(plane.pid('kube-apiserver'), pid)
  })
})

describe('a URL', () => {
  it('may be long, but not as long as all headers may be', async () => {
    assert.equal((await admin(`/api/v1/namespaces/default/configmaps/${'x'.repeat(200_000)}`)).code, 404)
    const head = `GET /${'x'.repeat(2_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`
    const socket = await open(head)
    const [answer] = (await once(socket.resume(), 'data')) as [Buffer]
    assert.match(answer.toString('latin1'), /^HTTP\/1\.1 431 /)
    socket.destroy()
  })
})
