/** The main job with unmodified kubectl, oldest and newest, on three nodes with real containers. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Node, Pod, Service } from '../../api/types.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { type Kubectl, oldestAndNewest } from '../harness/kubectl.ts'
import { waitFor } from '../harness/wait.ts'

interface List<T> {
  readonly items: readonly T[]
}

const isRunning = (pod: Pod): boolean =>
  pod.status?.phase === 'Running' && pod.metadata?.deletionTimestamp === undefined

/** GET over plain HTTP with a deadline; the body's text. */
const httpGet = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const req = request(url, { timeout: 3_000, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve(body))
    })
    req.on('timeout', () => req.destroy(new Error(`${url}: no answer`)))
    req.on('error', reject)
    req.end()
  })

const manifest = (image: string, withExtra: boolean): string => `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  color: blue
${withExtra ? '  shape: round' : ''}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: applied
  labels: {app: applied}
spec:
  replicas: 2
  selector: {matchLabels: {app: applied}}
  template:
    metadata: {labels: {app: applied}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: ${image}
        env:
        - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
${withExtra ? '        - {name: EXTRA, value: "1"}' : ''}
        ports: [{containerPort: 80, name: http}]
---
apiVersion: v1
kind: Service
metadata:
  name: applied
spec:
  selector: {app: applied}
  ports: [{port: 80, targetPort: http}]
`

let cluster: TestCluster

before(
  async () => {
    ensureTestImages()
    cluster = await startCluster({ nodes: 3 })
  },
  { timeout: 240_000 },
)

after(
  async () => {
    await cluster?.[Symbol.asyncDispose]()
  },
  { timeout: 120_000 },
)

for (const binary of oldestAndNewest()) {
  const namespace = `main-${basename(binary).replaceAll(/[^a-z0-9]/g, '-')}`

  describe(`the main job with ${basename(binary)}`, () => {
    let admin: Kubectl
    /** kubectl in the test's namespace. */
    const inNamespace = (...args: readonly string[]): Promise<string> => admin('-n', namespace, ...args)
    const podsOf = async (selector: string): Promise<readonly Pod[]> =>
      (await admin.json<List<Pod>>('-n', namespace, 'get', 'pods', '-l', selector)).items
    const whenRunning = (selector: string, count: number): Promise<readonly Pod[]> =>
      waitFor(
        async () => {
          const pods = (await podsOf(selector)).filter((pod) => pod.metadata?.deletionTimestamp === undefined)
          return pods.length === count && pods.every(isRunning) ? pods : undefined
        },
        { what: `${count} running Pods of ${selector}`, timeoutMs: 60_000 },
      )

    before(async () => {
      admin = cluster.kubectlOf(binary)
      await admin('create', 'namespace', namespace)
    })

    it('shows three Ready nodes with addresses and versions', async () => {
      const wide = await admin('get', 'nodes', '-o', 'wide')
      assert.equal(wide.match(/ Ready /g)?.length, 3, wide)
      assert.match(wide, /v1\.36/)
      const { items } = await admin.json<List<Node>>('get', 'nodes')
      assert.deepEqual(items.map((node) => node.metadata?.labels?.['topology.kubernetes.io/zone'] ?? '').sort(), [
        'zone-a',
        'zone-b',
        'zone-c',
      ])
    })

    it('spreads six replicas of a Deployment over the three nodes', async () => {
      await inNamespace('create', 'deployment', 'web', `--image=${webImage(1)}`, '--replicas=6', '--port=80')
      const pods = await whenRunning('app=web', 6)
      assert.equal(new Set(pods.map((pod) => pod.spec?.nodeName)).size, 3)
      assert.equal(new Set(pods.map((pod) => pod.status?.podIP)).size, 6)
      await inNamespace('rollout', 'status', 'deployment/web', '--timeout=60s')
    })

    it('reaches the Service by ClusterIP from every node, by DNS name and by NodePort', async () => {
      await inNamespace('expose', 'deployment', 'web', '--type=NodePort', '--port=80')
      const service = await admin.json<Service>('-n', namespace, 'get', 'service', 'web')
      const { clusterIP = '', ports = [] } = service.spec ?? {}
      const clients = cluster.nodes().map(({ name }) => ({ name: `client-${name}`, node: name }))
      for (const { name, node } of clients) {
        const overrides = JSON.stringify({ spec: { nodeName: node, terminationGracePeriodSeconds: 0 } })
        await inNamespace(
          'run',
          name,
          `--image=${busyboxImage}`,
          '--restart=Never',
          `--overrides=${overrides}`,
          '--',
          'sleep',
          '3600',
        )
      }
      await whenRunning(`run in (${clients.map(({ name }) => name).join(',')})`, clients.length)
      const ask = (client: string, host: string): Promise<string> =>
        waitFor(
          async () => {
            const script = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} 80`
            const { stdout } = await admin.run(['-n', namespace, 'exec', client, '--', 'sh', '-c', script])
            return /web-[a-z0-9]+-[a-z0-9]+ v1/.exec(stdout)?.[0]
          },
          { what: `an answer of ${host} in ${client}`, timeoutMs: 20_000 },
        )
      for (const { name } of clients) {
        await ask(name, clusterIP)
        await ask(name, 'web')
        await ask(name, `web.${namespace}.svc.cluster.local`)
      }
      const answers = new Set<string>()
      for (let count = 0; count < 40; count++) answers.add(await ask(clients[0]?.name ?? '', clusterIP))
      assert.ok(answers.size >= 4, `of six Pods only ${answers.size} answered`)
      for (const node of cluster.nodes()) {
        const url = `http://${node.address}:${ports[0]?.nodePort}/`
        await waitFor(async () => (await httpGet(url)).includes(' v1'), { what: url })
      }
    })

    it('scales, sets an image, rolls out and back', async () => {
      await inNamespace('scale', 'deployment/web', '--replicas=3')
      await whenRunning('app=web', 3)
      await inNamespace('set', 'image', 'deployment/web', `web=${webImage(2)}`)
      await inNamespace('rollout', 'status', 'deployment/web', '--timeout=90s')
      const pods = await whenRunning('app=web', 3)
      assert.ok(pods.every((pod) => pod.spec?.containers[0]?.image === webImage(2)))
      assert.match(await inNamespace('rollout', 'history', 'deployment/web'), /REVISION[\s\S]*1[\s\S]*2/)
      await inNamespace('rollout', 'undo', 'deployment/web')
      await inNamespace('rollout', 'status', 'deployment/web', '--timeout=90s')
      const back = await whenRunning('app=web', 3)
      assert.ok(back.every((pod) => pod.spec?.containers[0]?.image === webImage(1)))
    })

    it('follows logs, executes commands and copies files', async () => {
      const script = 'trap "exit 0" TERM; i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done'
      await inNamespace('run', 'talker', `--image=${busyboxImage}`, '--', 'sh', '-c', script)
      await whenRunning('run=talker', 1)
      const follow = spawn(binary, [`--kubeconfig=${admin.kubeconfig}`, '-n', namespace, 'logs', '-f', 'talker'])
      let followed = ''
      follow.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        followed += chunk
      })
      try {
        await waitFor(() => /line 1\n[\s\S]*line 8\n/.test(followed), { what: 'eight followed lines' })
      } finally {
        follow.kill()
      }
      assert.match(
        await inNamespace('logs', 'talker', '--tail=2', '--timestamps'),
        /^\d{4}-.*Z line \d+\n\d{4}-.*Z line \d+\n$/,
      )
      const echoed = await admin.run(['-n', namespace, 'exec', '-i', 'talker', '--', 'cat'], { input: 'through stdin' })
      assert.equal(echoed.stdout, 'through stdin')
      const failed = await admin.run(['-n', namespace, 'exec', 'talker', '--', 'sh', '-c', 'echo oops >&2; exit 7'])
      assert.equal(failed.code, 7)
      assert.match(failed.stderr, /oops/)
      const directory = mkdtempSync(join(tmpdir(), 'kubets-cp-'))
      try {
        const payload = 'x'.repeat(300_000)
        writeFileSync(join(directory, 'there.txt'), payload)
        await inNamespace('cp', join(directory, 'there.txt'), 'talker:/tmp/there.txt')
        await inNamespace('cp', 'talker:/tmp/there.txt', join(directory, 'back.txt'))
        assert.equal(readFileSync(join(directory, 'back.txt'), 'utf8'), payload)
      } finally {
        rmSync(directory, { recursive: true })
      }
    })

    it('gives a terminal with exec -it', async () => {
      // script(1) gives kubectl a terminal to pass on.
      const child = spawn('script', [
        '-qec',
        `${binary} --kubeconfig=${admin.kubeconfig} -n ${namespace} exec -it talker -- sh -c 'tty; exit 3'`,
        '/dev/null',
      ])
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
      })
      const code = await new Promise((resolve) => child.on('close', resolve))
      assert.match(output, /\/dev\/pts\/\d+/)
      assert.equal(code, 3, output)
    })

    it('forwards a port', async () => {
      const child = spawn(binary, [
        `--kubeconfig=${admin.kubeconfig}`,
        '-n',
        namespace,
        'port-forward',
        'deployment/web',
        ':80',
      ])
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
      })
      try {
        const port = await waitFor(() => /127\.0\.0\.1:(\d+)/.exec(output)?.[1], { what: 'the forwarded port' })
        const answers = await Promise.all([1, 2, 3].map(() => httpGet(`http://127.0.0.1:${port}/`)))
        for (const answer of answers) assert.match(answer, /web-.* v1/)
      } finally {
        child.kill()
      }
    })

    it('applies several documents, again without change, and with a field removed', async () => {
      const first = await admin.withInput(manifest(webImage(1), true), '-n', namespace, 'apply', '-f', '-')
      assert.match(first, /configmap\/settings created\ndeployment.apps\/applied created\nservice\/applied created/)
      const second = await admin.withInput(manifest(webImage(1), true), '-n', namespace, 'apply', '-f', '-')
      assert.equal(second.match(/unchanged/g)?.length, 3, second)
      const diff = await admin.run(['-n', namespace, 'diff', '-f', '-'], { input: manifest(webImage(1), false) })
      assert.equal(diff.code, 1, diff.stderr)
      assert.match(diff.stdout, /^-.*shape: round$/m)
      await admin.withInput(manifest(webImage(1), false), '-n', namespace, 'apply', '-f', '-')
      assert.equal(await inNamespace('get', 'configmap', 'settings', '-o', 'jsonpath={.data}'), '{"color":"blue"}')
      assert.equal(
        await inNamespace(
          'get',
          'deployment',
          'applied',
          '-o',
          'jsonpath={.spec.template.spec.containers[0].env[*].name}',
        ),
        'COLOR',
      )
      await inNamespace('rollout', 'status', 'deployment/applied', '--timeout=60s')
      const noDiff = await admin.run(['-n', namespace, 'diff', '-f', '-'], { input: manifest(webImage(1), false) })
      assert.equal(noDiff.code, 0, noDiff.stdout + noDiff.stderr)
    })

    it('prints what it is asked for', async () => {
      assert.match(
        await inNamespace('describe', 'deployment', 'web'),
        /StrategyType:\s+RollingUpdate[\s\S]*ScalingReplicaSet/,
      )
      assert.match(await inNamespace('describe', 'pod', 'talker'), /Events:[\s\S]*Scheduled[\s\S]*Started/)
      assert.match(await admin('describe', 'node', cluster.nodes()[0]?.name ?? ''), /Allocated resources:/)
      assert.match(await inNamespace('get', 'pods', '-o', 'wide'), /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/)
      assert.match(await inNamespace('get', 'pod', 'talker', '-o', 'yaml'), /^ {2}phase: Running$/m)
      assert.match(
        await inNamespace('get', 'pods', '-o', 'custom-columns=N:.metadata.name,P:.status.phase'),
        /^talker\s+Running$/m,
      )
      assert.match(await inNamespace('get', 'all'), /deployment.apps\/web\s+3\/3\s+3\s+3/)
      assert.match(await inNamespace('events'), /Started/)
      assert.match(await inNamespace('get', 'events'), /Scheduled/)
      assert.match(await admin('explain', 'deployment.spec.strategy'), /rollingUpdate/)
      assert.match(await admin('explain', 'pods'), /KIND:\s+Pod[\s\S]*VERSION:\s+v1/)
      assert.match(await admin('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/)
      const versions = (await admin('api-versions')).split('\n')
      for (const version of ['v1', 'apps/v1', 'batch/v1', 'networking.k8s.io/v1', 'rbac.authorization.k8s.io/v1']) {
        assert.ok(versions.includes(version), version)
      }
      assert.match(await admin('cluster-info'), /Kubernetes control plane.*is running at/)
      assert.match(await admin('version'), /Server Version: .*v1\.36/)
    })

    it('watches and waits', async () => {
      const child = spawn(binary, [
        `--kubeconfig=${admin.kubeconfig}`,
        '-n',
        namespace,
        'get',
        'pods',
        '-w',
        '--no-headers',
      ])
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
      })
      try {
        await waitFor(() => output.includes('talker'), { what: 'the initial list of a watch' })
        await inNamespace('run', 'short', `--image=${busyboxImage}`, '--restart=Never', '--', 'true')
        await waitFor(() => /short.*Completed/.test(output), {
          what: 'the watch to show completion',
          timeoutMs: 60_000,
        })
      } finally {
        child.kill()
      }
      await inNamespace('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/short', '--timeout=30s')
      await inNamespace('wait', '--for=condition=Available', 'deployment/web', '--timeout=30s')
    })

    it('labels, annotates, patches and edits', async () => {
      await inNamespace('label', 'pod', 'talker', 'tier=test')
      await inNamespace('annotate', 'pod', 'talker', 'note=hello')
      await inNamespace(
        'patch',
        'deployment',
        'web',
        '-p',
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
      )
      await inNamespace(
        'patch',
        'deployment',
        'web',
        '--type=json',
        '-p',
        '[{"op":"replace","path":"/spec/replicas","value":2}]',
      )
      await inNamespace('patch', 'configmap', 'settings', '--type=merge', '-p', '{"data":{"color":"red"}}')
      const edited = await admin.run(['-n', namespace, 'edit', 'configmap', 'settings'], {
        env: { KUBE_EDITOR: 'sed -i s/red/green/' },
      })
      assert.equal(edited.code, 0, edited.stderr)
      assert.equal(await inNamespace('get', 'configmap', 'settings', '-o', 'jsonpath={.data.color}'), 'green')
      assert.equal(await inNamespace('get', 'pods', '-l', 'tier=test', '-o', 'name'), 'pod/talker\n')
      await inNamespace('rollout', 'status', 'deployment/web', '--timeout=60s')
      const pods = await whenRunning('app=web', 2)
      assert.equal(
        pods[0]?.spec?.containers[0]?.image,
        webImage(1),
        'a strategic merge keeps the rest of the container',
      )
    })

    it('cordons, drains and uncordons a node', async () => {
      const [pod] = await whenRunning('app=web', 2)
      const node = pod?.spec?.nodeName ?? ''
      await admin('cordon', node)
      assert.match(await admin('get', 'node', node), /SchedulingDisabled/)
      await admin('drain', node, '--ignore-daemonsets', '--force', '--delete-emptydir-data', '--timeout=90s')
      const moved = await whenRunning('app=web', 2)
      assert.ok(moved.every((other) => other.spec?.nodeName !== node))
      await admin('uncordon', node)
      assert.doesNotMatch(await admin('get', 'node', node), /SchedulingDisabled/)
    })

    it('deletes with cascade', async () => {
      await inNamespace('delete', 'deployment', 'web', 'applied', '--wait=true', '--timeout=60s')
      await waitFor(async () => (await podsOf('app in (web,applied)')).length === 0, {
        what: 'the Pods to go',
        timeoutMs: 60_000,
      })
      assert.equal(await inNamespace('get', 'replicasets', '-o', 'name'), '')
      await admin('delete', 'namespace', namespace, '--timeout=90s')
    })
  })
}
