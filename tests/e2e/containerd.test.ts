/** A node on containerd: all that the kubelet asks of a runtime goes over CRI. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Container, Node, Pod, PodSpec } from '../../api/types.ts'
import { nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import { namespaceOf } from '../../deploy/network.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
ensureTestImages()
const cluster = useCluster({ nodes: 1, runtime: 'containerd' })
const podWhen = podWhenIn(cluster)

const isRunning = ({ status }: Pod): boolean =>
  status?.containerStatuses?.every(({ state }) => state?.running !== undefined) === true
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

let count = 0
const create = async (
  script: string,
  container: Partial<Container> = {},
  pod: Partial<PodSpec> = {},
): Promise<string> => {
  const name = `p${++count}`
  const spec: PodSpec = {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    ...pod,
    containers: [{ name: 'c', image: busyboxImage, command: ['sh', '-c', script], ...container }],
  }
  await cluster().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
  return name
}
const running = async (...args: Parameters<typeof create>): Promise<string> => {
  const name = await create(...args)
  await podWhen(name, 'running', isRunning)
  return name
}
const remove = (name: string): Promise<unknown> => cluster().kubectl('delete', 'pod', name, '--wait', '--now')

const forever = 'trap "exit 0" TERM; while true; do sleep 0.1; done'

describe('a node on containerd', () => {
  it('says so in its status', async () => {
    const name = cluster().nodes()[0]?.name ?? ''
    const { status } = await cluster().client.get<Node>(nodesRef, name)
    assert.match(status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/1\.6/)
    assert.deepEqual(status?.runtimeHandlers, [
      { name: '', features: { recursiveReadOnlyMounts: false, userNamespaces: false } },
    ])
    const listed = async (): Promise<boolean> => {
      const now = await cluster().client.get<Node>(nodesRef, name)
      return now.status?.images?.some(({ names = [] }) => names.some((image) => image.endsWith(busyboxImage))) === true
    }
    await waitFor(listed, { what: 'the image in the status of the node', timeoutMs: 60_000 })
  })

  it('runs a Pod to its end, with exit code, message, log and ID', async () => {
    const name = await create('echo out; echo err >&2; echo last words > /dev/termination-log; exit 3')
    const { status } = await podWhen(name, 'its end', hasEnded)
    const { terminated } = status?.containerStatuses?.[0]?.state ?? {}
    assert.equal(status?.phase, 'Failed')
    assert.equal(terminated?.exitCode, 3)
    assert.equal(terminated?.reason, 'Error')
    assert.equal(terminated?.message, 'last words\n')
    assert.match(terminated?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/)
    assert.deepEqual((await cluster().kubectl('logs', name)).split('\n').sort(), ['', 'err', 'out'])
  })

  it('gives Pods addresses of its own range, and a network to each other and to Services', async () => {
    const web = await running('', { image: webImage(1), command: [], ports: [{ containerPort: 80 }] })
    await cluster().kubectl('label', 'pod', web, 'app=web')
    await cluster().kubectl('create', 'service', 'clusterip', 'web', '--tcp=80:80')
    const { status } = await cluster().client.get(podsRef, web, namespace)
    const other = await running(forever)
    const get = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3`
    const answer = await waitFor(
      async () => {
        const text = await cluster().kubectl(
          'exec',
          other,
          '--',
          'sh',
          '-c',
          `${get} ${status?.podIP} 80; ${get} web 80`,
        )
        return text.split(`${web} v1`).length === 3 ? text : undefined
      },
      { what: 'answers from the Pod and from the Service' },
    )
    assert.ok(answer.includes('200 OK'))
  })

  it('executes commands: exit codes, standard input and its end, terminals, much output', async () => {
    const name = await running(forever)
    const { kubectl } = cluster()
    assert.equal((await kubectl.run(['exec', name, '--', 'sh', '-c', 'exit 7'])).code, 7)
    const cat = await kubectl.run(['exec', '-i', name, '--', 'cat'], { input: 'x'.repeat(3_000_000) })
    assert.equal(cat.stdout.length, 3_000_000)
    const both = await kubectl.run(['exec', name, '--', 'sh', '-c', 'echo out; echo err >&2'])
    assert.deepEqual([both.stdout, both.stderr.trim()], ['out\n', 'err'])
    const missing = await kubectl.run(['exec', name, '--', 'no-such-command'])
    assert.notEqual(missing.code, 0)
    const tty = execFileSync(
      'script',
      [
        '-qec',
        `stty rows 33 cols 121; ${kubectl.binary} --kubeconfig=${kubectl.kubeconfig} exec -it ${name} -- sh -c "sleep 0.5; stty size"`,
        '/dev/null',
      ],
      { encoding: 'utf8' },
    )
    assert.match(tty, /33 121/)
  })

  it('attaches to standard input and output', async () => {
    const name = await running('read line; echo "got $line"; sleep 1', { stdin: true, stdinOnce: true })
    const { stdout } = await cluster().kubectl.run(['attach', '-i', name], { input: 'hello\n' })
    assert.match(stdout, /got hello/)
    await podWhen(name, 'its end', hasEnded)
  })

  it('forwards ports, and says why it cannot', async () => {
    const name = await running('', { image: webImage(2), command: [] })
    const { kubectl } = cluster()
    const child = execFile(kubectl.binary, [`--kubeconfig=${kubectl.kubeconfig}`, 'port-forward', name, ':80'])
    try {
      let out = ''
      child.stdout?.on('data', (text: string) => (out += text))
      const port = await waitFor(() => /127\.0\.0\.1:(\d+)/.exec(out)?.[1], { what: 'port-forward' })
      const answers = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()))
      assert.deepEqual(answers, Array(3).fill(`${name} v2\n`))
    } finally {
      child.kill()
    }
  })

  it('keeps logs in CRI format, shows them in every variant, and follows them', async () => {
    const name = await running(
      'for i in 1 2 3 4 5; do echo line $i; echo err $i >&2; done; sleep 1; echo late; sleep 1',
    )
    const { kubectl, client, layout, nodes } = cluster()
    await waitFor(async () => (await kubectl('logs', name)).includes('line 5'), { what: 'the log' })
    assert.equal(await kubectl('logs', name, '--tail=0'), '')
    assert.equal((await kubectl('logs', name, '--tail=3')).trim().split('\n').length, 3)
    assert.match(await kubectl('logs', name, '--timestamps', '--tail=1'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S* /)
    assert.equal((await kubectl('logs', name, '--limit-bytes=4')).length, 4)
    assert.match(await kubectl('logs', name, '--since=1h'), /line 1/)
    const stderr = await client.raw('GET', `/api/v1/namespaces/${namespace}/pods/${name}/log?stream=Stderr`)
    assert.equal(
      String(stderr)
        .trim()
        .split('\n')
        .every((line) => line.startsWith('err')),
      true,
    )
    assert.match(await kubectl('logs', '-f', name), /line 1[\s\S]*late\n$/)
    const { metadata } = await client.get(podsRef, name, namespace)
    const { podLogs } = layout.node(nodes()[0]?.name ?? '')
    const file = join(podLogs, `${namespace}_${name}_${metadata?.uid}`, 'c/0.log')
    assert.match(readFileSync(file, 'utf8'), /^\d{4}-\S+ std(out|err) F (line|err) 1\n/)
    const links = join(podLogs, '../containers')
    const link = readdirSync(links).find((entry) => entry.startsWith(`${name}_${namespace}_c-`)) ?? ''
    assert.equal(readlinkSync(join(links, link)), file)
    await remove(name)
    await waitFor(() => !readdirSync(podLogs).some((folder) => folder.includes(name)), { what: 'the log folder to go' })
    assert.equal(
      readdirSync(links).some((entry) => entry.startsWith(`${name}_`)),
      false,
    )
  })

  it('runs Pods in its own network, not the machine’s, where they ask for the host’s', async () => {
    const name = await create('ip -o addr show dev eth0', {}, { hostNetwork: true })
    await podWhen(name, 'its end', hasEnded)
    assert.match(await cluster().kubectl('logs', name), new RegExp(`inet ${cluster().nodes()[0]?.address}/`))
  })

  it('restarts what fails, probes by command, and stops within the grace period', async () => {
    const name = await create(
      'test -e /data/x && exec sleep 100; touch /data/x; exit 1',
      {
        readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { restartPolicy: 'Always', volumes: [{ name: 'data', emptyDir: {} }] },
    )
    const { status } = await podWhen(
      name,
      'ready after one restart',
      ({ status: now }) => now?.containerStatuses?.[0]?.ready === true,
    )
    assert.equal(status?.containerStatuses?.[0]?.restartCount, 1)
    assert.equal(status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 1)
    await remove(name)
  })

  it('tells the API server of an end quickly, by events and not by asking', async () => {
    const name = await running('while ! test -e /tmp/end; do sleep 0.02; done')
    await cluster().kubectl('exec', name, '--', 'touch', '/tmp/end')
    const { status } = await podWhen(name, 'its end', hasEnded)
    assert.equal(status?.phase, 'Succeeded')
  })

  it('leaves nothing of Pods that are gone', async () => {
    const [node] = cluster().nodes()
    const inNode = (...args: string[]): string =>
      execFileSync('ip', ['-n', namespaceOf(cluster().config(), node?.name ?? ''), ...args], { encoding: 'utf8' })
    await cluster().kubectl('delete', 'pods', '--all', '--now', '--wait')
    await waitFor(() => !inNode('-o', 'link', 'show', 'type', 'veth').includes('veth'), { what: 'cables to go' })
  })
})
