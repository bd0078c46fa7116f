/** What client libraries do inside a real Pod: @kubernetes/client-node and python3-kubernetes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import {
  ApiException,
  Attach,
  CoreV1Api,
  Cp,
  Exec,
  KubeConfig,
  Log,
  PortForward,
  type V1Container,
  type V1Pod,
  type V1Status,
  Watch,
} from '@kubernetes/client-node'
import type { TestCluster } from '../harness/cluster.ts'
import { runCommand } from '../harness/command.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
let config: KubeConfig
let core: CoreV1Api
const directory = mkdtempSync(join(tmpdir(), 'kubets-clients-'))

const createPod = (name: string, container: Partial<V1Container>): Promise<V1Pod> =>
  core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name, labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: busyboxImage, ...container }] },
    },
  })

const setUp = async ({ layout }: TestCluster): Promise<void> => {
  config = new KubeConfig()
  config.loadFromFile(layout.adminConf)
  core = config.makeApiClient(CoreV1Api)
  await createPod('shell', {
    command: ['sh', '-c', 'echo started; i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done'],
  })
  await createPod('reader', { command: ['sh', '-c', 'while read line; do echo "read $line"; done'], stdin: true })
  await createPod('web', { image: webImage(1), ports: [{ containerPort: 80 }] })
  const ready = new Set<string>()
  const watching = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/pods`,
    {},
    (_, pod: V1Pod) => {
      const { conditions = [] } = pod.status ?? {}
      if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) {
        ready.add(pod.metadata?.name ?? '')
      }
    },
    () => {},
  )
  await waitFor(() => ready.size === 3, { what: 'three ready Pods', timeoutMs: 60_000 })
  watching.abort()
}

ensureTestImages()
const running = useCluster({ nodes: 1 }, setUp)
after(() => rmSync(directory, { recursive: true, force: true }))

/** A stream that collects what is written to it. */
const collector = (): { stream: PassThrough; text: () => string } => {
  const chunks: Buffer[] = []
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { stream, text: () => Buffer.concat(chunks).toString() }
}

interface Executed {
  readonly stdout: string
  readonly stderr: string
  readonly status: V1Status
}

const execute = async (command: string[], stdin: Readable | null = null, tty = false): Promise<Executed> => {
  const stdout = collector()
  const stderr = collector()
  const { promise, resolve } = Promise.withResolvers<V1Status>()
  const errors = tty ? null : stderr.stream
  const socket = await new Exec(config).exec(
    namespace,
    'shell',
    'main',
    command,
    stdout.stream,
    errors,
    stdin,
    tty,
    resolve,
  )
  try {
    return { status: await promise, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    socket.close()
  }
}

describe('the JavaScript client in a Pod', () => {
  it('executes commands, and is told how they ended', async () => {
    const done = await execute(['sh', '-c', 'echo out; echo err >&2'])
    assert.deepEqual([done.stdout, done.stderr, done.status.status], ['out\n', 'err\n', 'Success'])
    const failed = await execute(['sh', '-c', 'exit 7'])
    assert.deepEqual([failed.status.status, failed.status.reason], ['Failure', 'NonZeroExitCode'])
    assert.deepEqual(failed.status.details?.causes, [{ reason: 'ExitCode', message: '7' }])
    assert.match(failed.status.message ?? '', /command terminated with non-zero exit code/)
    const absent = await execute(['/no/such/command'])
    assert.equal(absent.status.status, 'Failure')
  })

  it('sends standard input and gets a megabyte back', async () => {
    const bytes = 'x'.repeat(1_000_000)
    const { stdout, status } = await execute(['head', '-c', '1000000'], Readable.from([bytes]))
    assert.equal(stdout.length, bytes.length)
    assert.equal(status.status, 'Success')
  })

  it('gets a terminal', async () => {
    const { stdout } = await execute(['tty'], null, true)
    assert.match(stdout, /^\/dev\/pts\/\d+\r\n$/)
  })

  it('is refused what there is not', async () => {
    const nowhere = new Exec(config).exec(namespace, 'absent', 'main', ['true'], null, null, null, false)
    await assert.rejects(nowhere)
  })

  it('attaches to a running container', async () => {
    const stdout = collector()
    const stdin = new PassThrough()
    const socket = await new Attach(config).attach(namespace, 'reader', 'main', stdout.stream, null, stdin, false)
    try {
      stdin.write('hello\n')
      await waitFor(() => stdout.text().includes('read hello\n'), { what: 'an answer of the container' })
    } finally {
      socket.close()
    }
  })

  it('reads logs, and follows them', async () => {
    const tail = await core.readNamespacedPodLog({ namespace, name: 'shell', tailLines: 2, timestamps: true })
    assert.match(tail, /^\d{4}-\d\d-\d\dT[\d:.]+Z line \d+\n\d{4}-\d\d-\d\dT[\d:.]+Z line \d+\n$/)
    const first = await core.readNamespacedPodLog({ namespace, name: 'shell', limitBytes: 8 })
    assert.equal(first, 'started\n')
    const followed = collector()
    await createPod('counter', { command: ['sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do echo count $i; sleep 0.3; done'] })
    const isRunning = async (): Promise<boolean> =>
      (await core.readNamespacedPod({ namespace, name: 'counter' })).status?.phase === 'Running'
    await waitFor(isRunning, { what: 'the counting Pod to run' })
    await new Log(config).log(namespace, 'counter', 'main', followed.stream, { follow: true })
    await once(followed.stream, 'end')
    assert.equal(followed.text(), [1, 2, 3, 4, 5, 6, 7, 8].map((count) => `count ${count}\n`).join(''))
    await assert.rejects(
      core.readNamespacedPodLog({ namespace, name: 'shell', container: 'none' }),
      (error) => error instanceof ApiException && error.code === 400,
    )
  })

  it('forwards a port', async () => {
    const forward = new PortForward(config)
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      void forward.portForward(namespace, 'web', [80], socket, null, socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      const page = await new Promise<string>((resolve, reject) => {
        const asked = request({ port, host: '127.0.0.1', agent: false }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve(text))
        })
        asked.on('error', reject)
        asked.end()
      })
      assert.equal(page, 'web v1\n')
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  })

  it('reaches the Pod through the proxy', async () => {
    const page = await core.connectGetNamespacedPodProxyWithPath({ namespace, name: 'web', path: 'index.html' })
    assert.equal(page, 'web v1\n')
  })

  it('copies files there and back', async () => {
    const cp = new Cp(config)
    // This client copies what is in a directory.
    const source = join(directory, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'there.txt'), 'y'.repeat(200_000))
    await cp.cpToPod(namespace, 'shell', 'main', source, '/tmp')
    const size = async (): Promise<boolean> =>
      (await execute(['sh', '-c', 'wc -c < /tmp/there.txt'])).stdout.trim() === '200000'
    await waitFor(size, { what: 'the file in the Pod' })
    await cp.cpFromPod(namespace, 'shell', 'main', 'hostname', directory, '/etc')
    await waitFor(() => readFileSync(join(directory, 'hostname'), 'utf8') === 'shell\n', { what: 'the file here' })
  })
})

describe('the Python client in a Pod', () => {
  before(() => {
    assert.ok(config)
  })

  it('executes, reads logs and forwards ports', async () => {
    const script = join(import.meta.dirname, 'python_client.py')
    const { code, stdout, stderr } = await runCommand('/usr/bin/python3', [script, running().layout.adminConf], {
      timeoutMs: 60_000,
    })
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^passed \d+ checks$/m)
  })
})
