/** The composed cluster, brought up for real: `deploy/compose.sh` with settings that collide with nobody's. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Node, Pod, Service } from '../../api/types.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { createKubectl, type Kubectl } from '../harness/kubectl.ts'
import { waitFor } from '../harness/wait.ts'
import { restartablePort } from '../../testing/ports.ts'

interface List<T> {
  readonly items: readonly T[]
}

const execFileAsync = promisify(execFile)
const number = 1 + (process.pid % 250)
const project = `kubetscompose${number}`
const network = `172.26.${number}`
const nodeNames = ['node-1', 'node-2', 'node-3']
const components = [
  'cluster-sync',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'metrics-server',
  ...nodeNames.flatMap((node) => [`${node}-kubelet`, `${node}-kube-proxy`]),
]

const docker = async (...args: readonly string[]): Promise<string> =>
  (await execFileAsync('docker', args)).stdout.trim()
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** IDs of this project's containers of a service, or of all of them; stopped ones too. */
const composed = async (service?: string): Promise<string[]> => {
  const labels = [`com.docker.compose.project=${project}`]
  if (service !== undefined) labels.push(`com.docker.compose.service=${service}`)
  return lines(await docker('ps', '-aq', ...labels.flatMap((label) => ['--filter', `label=${label}`])))
}

interface State {
  readonly Pid: number
  readonly StartedAt: string
  readonly Running: boolean
}

const stateOf = async (service: string): Promise<State> => {
  const [id = ''] = await composed(service)
  return JSON.parse(await docker('inspect', '--format', '{{json .State}}', id)) as State
}

const restarted = (service: string, before: State): Promise<unknown> =>
  waitFor(
    async () => {
      const now = await stateOf(service)
      return now.Running && now.StartedAt !== before.StartedAt
    },
    { what: `${service} to be started again` },
  )

/** Only the test itself needs these: a user of compose has them. */
const ensureCompose = (): void => {
  const script = `docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null ||
    apt-get install -y --no-install-recommends docker-compose ||
    { apt-get update && apt-get install -y --no-install-recommends docker-compose; }`
  execFileSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'inherit'] })
}

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: '${webImage(1)}', ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 1
  volumes: [{name: memory, emptyDir: {medium: Memory}}]
  containers:
  - name: main
    image: ${busyboxImage}
    command: [sh, -c, 'echo ready; sleep 3600']
    volumeMounts: [{name: memory, mountPath: /memory}]
---
apiVersion: v1
kind: Pod
metadata: {name: hostnet}
spec:
  nodeName: node-2
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: '${busyboxImage}', command: [sleep, '3600']}]
`

describe('docker compose', () => {
  let root: string
  let env: NodeJS.ProcessEnv
  let kubectl: Kubectl

  const compose = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await execFileAsync(join(projectRoot, 'deploy/compose.sh'), args, { env, maxBuffer: 2 ** 26 })
    return stdout
  }

  const whenRunning = (selector: string, count: number): Promise<readonly Pod[]> =>
    waitFor(
      async () => {
        const { items } = await kubectl.json<List<Pod>>('get', 'pods', '-l', selector)
        const ready = items.filter(({ metadata, status }) => {
          const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')
          return metadata?.deletionTimestamp === undefined && isReady
        })
        return items.length === count && ready.length === count ? ready : undefined
      },
      { what: `${count} ready Pods of ${selector}`, timeoutMs: 60_000 },
    )

  /** Names of the Pods that answer `requests` requests from the client Pod, a new connection each. */
  const answers = async (host: string, requests: number): Promise<string[]> => {
    const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} 80 | tail -n 1`
    const output = await kubectl('exec', 'client', '--', 'sh', '-c', `for i in $(seq ${requests}); do ${request}; done`)
    return lines(output).map((line) => line.split(' ')[0] ?? '')
  }

  /** A web Pod of each node answers the client, sooner or later: endpoints are chosen at random. */
  const reachesAllNodes = async (host: string): Promise<void> => {
    const { items } = await kubectl.json<List<Pod>>('get', 'pods', '-l', 'app=web')
    const nodeOf = new Map(items.map(({ metadata, spec }) => [metadata?.name, spec?.nodeName]))
    const seen = new Set<string | undefined>()
    await waitFor(
      async () => {
        for (const name of await answers(host, 6)) seen.add(nodeOf.get(name))
        return nodeNames.every((node) => seen.has(node))
      },
      { what: `answers of ${host} from Pods on all nodes; seen: ${[...seen].join()}` },
    )
  }

  /** The Pods' containers, each with the time of its start. */
  const podContainers = async (): Promise<string[]> => {
    const ids = lines(await docker('ps', '-q', '--no-trunc', '--filter', 'label=io.kubets.root-dir'))
    const format = '{{index .Config.Labels "io.kubets.root-dir"}} {{.Id}} {{.State.StartedAt}}'
    // Other clusters' containers may go at any time; docker says so and tells of the rest.
    const { stdout } = await execFileAsync('docker', ['inspect', '--format', format, ...ids]).catch(
      (error: unknown) => error as { stdout: string },
    )
    return lines(stdout)
      .filter((line) => line.startsWith(`${root}/`))
      .sort()
  }

  before(
    async () => {
      ensureCompose()
      ensureTestImages()
      root = mkdtempSync(join(tmpdir(), 'kubets-compose-'))
      env = {
        ...process.env,
        KUBETS_PROJECT: project,
        KUBETS_ROOT: root,
        KUBETS_PORT: String(await restartablePort()),
        KUBETS_NETWORK: network,
      }
      await compose('up')
      kubectl = createKubectl(join(root, 'admin.conf'))
    },
    // The image, and what it stands on, may have to be made first.
    { timeout: 600_000 },
  )

  after(
    async () => {
      if (root === undefined || process.env['KUBETS_KEEP'] !== undefined) return
      await compose('reset')
      rmSync(root, { recursive: true, force: true })
    },
    { timeout: 120_000 },
  )

  it('has a container for each component, and three Ready nodes', async () => {
    const states = await Promise.all(components.map(async (name) => ({ name, running: (await stateOf(name)).Running })))
    assert.deepEqual(
      states.filter(({ running }) => !running),
      [],
    )
    await kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=30s')
    const { items } = await kubectl.json<List<Node>>('get', 'nodes')
    assert.deepEqual(
      items.map(({ metadata, status }) => [
        metadata?.name,
        status?.addresses?.find(({ type }) => type === 'InternalIP')?.address,
        metadata?.labels?.['topology.kubernetes.io/zone'],
      ]),
      [
        ['node-1', `${network}.11`, 'zone-a'],
        ['node-2', `${network}.12`, 'zone-b'],
        ['node-3', `${network}.13`, 'zone-c'],
      ],
    )
  })

  it('spreads a Deployment over the nodes', async () => {
    await kubectl.withInput(manifest, 'apply', '-f', '-')
    const pods = await whenRunning('app=web', 6)
    const perNode = nodeNames.map((node) => pods.filter(({ spec }) => spec?.nodeName === node).length)
    assert.deepEqual(perNode, [2, 2, 2])
    await kubectl('wait', '--for=condition=Ready', 'pod/client', 'pod/hostnet', '--timeout=60s')
  })

  it('routes a Service: by ClusterIP and name from a Pod to Pods of all nodes, by NodePort from outside', async () => {
    const { spec } = await kubectl.json<Service>('get', 'service', 'web')
    await reachesAllNodes(spec?.clusterIP ?? '')
    await reachesAllNodes('web.default.svc.cluster.local')
    for (const last of [11, 12, 13]) {
      const url = `http://${network}.${last}:${spec?.ports?.[0]?.nodePort}/`
      await waitFor(async () => / v1/.test(await (await fetch(url, { signal: AbortSignal.timeout(3_000) })).text()), {
        what: url,
      })
    }
  })

  it('lets the API server reach kubelets and Pods: logs, exec, proxy', async () => {
    assert.equal(await kubectl('logs', 'client'), 'ready\n')
    assert.equal(await kubectl('exec', 'client', '--', 'hostname'), 'client\n')
    assert.match(await kubectl('get', '--raw', '/api/v1/namespaces/default/services/web:80/proxy/'), / v1/)
  })

  it("gives Pods the node's network, and volumes that the kubelet mounts in its container", async () => {
    const pod = await kubectl.json<Pod>('get', 'pod', 'hostnet')
    assert.equal(pod.status?.podIP, `${network}.12`)
    assert.match(await kubectl('exec', 'hostnet', '--', 'ip', 'address'), new RegExp(`inet ${network}\\.12/24`))
    assert.match(await kubectl('exec', 'client', '--', 'cat', '/proc/mounts'), /^tmpfs \/memory tmpfs rw/m)
  })

  it('outlives the death of components without restarting a container of a Pod', async () => {
    const before = await podContainers()
    assert.equal(before.length, 2 * 8)
    // A crash: Docker starts the container again.
    for (const service of ['kube-apiserver', 'node-2-kubelet', 'node-3-kube-proxy', 'etcd']) {
      const state = await stateOf(service)
      process.kill(state.Pid, 'SIGKILL')
      await restarted(service, state)
    }
    // `docker kill` is the user's own doing: who did it starts it again.
    const state = await stateOf('kube-controller-manager')
    await docker('kill', ...(await composed('kube-controller-manager')))
    await compose('start', 'kube-controller-manager')
    await restarted('kube-controller-manager', state)

    await waitFor(() => kubectl('scale', 'deployment', 'web', '--replicas=7'), { what: 'a scale that is accepted' })
    await whenRunning('app=web', 7)
    const now = new Set(await podContainers())
    assert.deepEqual(
      before.filter((container) => !now.has(container)),
      [],
    )
    await reachesAllNodes('web')
  })

  it("takes the restart of a node's own container for a reboot", async () => {
    const bootedAt = await stateOf('node-3-kubelet')
    await docker('restart', '-t', '1', ...(await composed('node-3')))
    await restarted('node-3-kubelet', bootedAt)
    await waitFor(
      async () => {
        const { items } = await kubectl.json<List<Pod>>('get', 'pods', '-l', 'app=web')
        const there = items.filter(({ spec }) => spec?.nodeName === 'node-3')
        return there.length > 0 && there.every(({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0)
      },
      { what: 'the Pods of node-3 to be started again', timeoutMs: 60_000 },
    )
    await whenRunning('app=web', 7)
    await reachesAllNodes('web')
  })

  it('leaves nothing but the data after `down`', async () => {
    await compose('down')
    assert.deepEqual(await composed(), [])
    assert.deepEqual(await podContainers(), [])
    assert.equal(await docker('network', 'ls', '-q', '--filter', `label=com.docker.compose.project=${project}`), '')
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(root))
    assert.ok(existsSync(join(root, 'etcd')))
  })
})
