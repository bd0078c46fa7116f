/** What a container, or a stranger at the kubelet's door, tries in order to get at the files of the node. */
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { isReason } from '../../api/meta/status-error.ts'
import { pods as podsRef } from '../../api/resources.ts'
import type { Container, Pod, PodSpec } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { createHttp, pkiCredentials } from '../harness/http.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
let cluster: TestCluster
ensureTestImages()
useCluster({ nodes: 1 }, async (started) => {
  cluster = started
  await create('web', { containers: [shell('c', 'sleep 600')] })
  await podWhen('web', 'to run', ({ status }) => status?.phase === 'Running')
})

const shell = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: busyboxImage,
  command: ['sh', '-c', script],
  ...more,
})

const create = (name: string, spec: PodSpec): Promise<Pod> =>
  cluster.client.create(podsRef, {
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, ...spec },
  } as Pod)

const podWhen = podWhenIn(() => cluster)

const remove = async (name: string): Promise<void> => {
  await cluster.client.delete(podsRef, name, namespace)
  const isGone = (): Promise<boolean> =>
    cluster.client.get(podsRef, name, namespace).then(
      () => false,
      (error: unknown) => isReason(error, 'NotFound'),
    )
  await waitFor(isGone, { what: `the end of ${name}` })
}

/** Why a container waits. */
const waitingOf = ({ status }: Pod, name: string): { reason?: string; message?: string } =>
  status?.containerStatuses?.find((container) => container.name === name)?.state?.waiting ?? {}

const logOf = (pod: string, container: string): Promise<unknown> =>
  cluster.client.raw('GET', `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}`)

const climbs = [
  '../../../../../../etc/passwd',
  '..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '....//....//....//etc/passwd',
  '..%5c..%5cetc%5cpasswd',
  '%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd',
  '%252e%252e%252fetc%252fpasswd',
  '/etc/passwd',
  'passwd%00.log',
  '%',
]

describe('the door of the kubelet', () => {
  /** The path goes out as it is written: no client tidies it up. */
  const knock = (path: string): Promise<{ code: number; text: string }> =>
    new Promise((resolve, reject) => {
      const { address: host = '' } = cluster.nodes()[0] ?? {}
      const who = pkiCredentials(cluster, 'apiserver-kubelet-client')
      const call = request(
        { host, port: 10_250, path, agent: false, rejectUnauthorized: false, ...who },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve({ code: response.statusCode ?? 0, text }))
        },
      )
      call.on('error', reject)
      call.end()
    })

  it('gives no file of the node, however its path is spelt', async () => {
    const doors = [
      '/logs/',
      '/containerLogs/',
      '/containerLogs/default/',
      '/containerLogs/default/web/',
      '/stats/',
      '/',
    ]
    for (const path of doors.flatMap((door) => climbs.map((climb) => door + climb))) {
      const { code, text } = await knock(path)
      assert.ok(code >= 400, `${path}: ${code}`)
      assert.doesNotMatch(text, /root:/, path)
    }
    assert.match((await knock('/logs/')).text, /<pre>/)
    assert.deepEqual(await knock('/healthz'), { code: 200, text: 'ok' })
  })

  it('gives none through the API server either', async () => {
    const node = cluster.nodes()[0]?.name ?? ''
    const http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    for (const climb of climbs.filter((text) => !text.startsWith('..'))) {
      const { code, text } = await http(`/api/v1/nodes/${node}/proxy/logs/${climb}`)
      assert.ok(code >= 400, `${climb}: ${code}`)
      assert.doesNotMatch(text, /root:/, climb)
    }
    for (const container of ['../../etc/passwd', '', 'c/../c', 'c\0']) {
      const path = `/api/v1/namespaces/${namespace}/pods/web/log?container=${encodeURIComponent(container)}`
      const { code, text } = await http(path)
      if (container === '') assert.equal(code, 200)
      else assert.equal(code, 400, `${container}: ${text}`)
    }
  })
})

describe('links in a volume', { concurrency: true }, () => {
  const volumes = [{ name: 'v', emptyDir: {} }]
  const mounted = (subPath?: string): Partial<Container> => ({
    volumeMounts: [{ name: 'v', mountPath: '/m', ...(subPath === undefined ? {} : { subPath }) }],
  })

  it('lead no subPath out of it', async () => {
    const prepare = `ln -s / /m/root; ln -s /etc/passwd /m/file; mkdir /m/dir; ln -s ../../../../../.. /m/dir/up
      echo good > /m/dir/mark; ln -s dir /m/inside`
    const bad = ['root', 'file', 'dir/up', 'root/etc']
    await create('links', {
      volumes,
      initContainers: [shell('prepare', prepare, mounted())],
      containers: [
        shell('good', 'cat /m/mark; sleep 600', mounted('inside')),
        ...bad.map((subPath, index) => shell(`bad${index}`, 'cat /m/etc/passwd /m; sleep 600', mounted(subPath))),
      ],
    })
    const pod = await podWhen('links', 'all refusals', (now) =>
      bad.every((_, index) => waitingOf(now, `bad${index}`).message !== undefined),
    )
    for (const [index, subPath] of bad.entries()) {
      assert.deepEqual(waitingOf(pod, `bad${index}`), {
        reason: 'CreateContainerConfigError',
        message: `failed to prepare subPath for volumeMount: subpath "${subPath}" is outside of the volume`,
      })
    }
    assert.equal(await waitFor(() => logOf('links', 'good'), { what: 'the good container' }), 'good\n')
  })

  it('that are put there while containers run lead none out either', async () => {
    // The victim is started again and again; the attacker swaps its folder for a link to the node's root as often.
    const attack = `cd /m; while true; do
      mkdir sub 2>/dev/null; mv -T sub away 2>/dev/null; ln -s / sub; rm sub; mv -T away sub; usleep 1000; done`
    await create('swap', {
      volumes,
      initContainers: [shell('prepare', 'mkdir -p /m/sub', mounted())],
      containers: [
        shell('attacker', attack, mounted()),
        shell('victim', 'ls /m; test -e /m/etc/shadow && echo stolen', mounted('sub')),
      ],
    })
    const victimOf = ({ status }: Pod) => status?.containerStatuses?.find(({ name }) => name === 'victim')
    await podWhen('swap', 'the victim’s starts', (pod) => (victimOf(pod)?.restartCount ?? 0) >= 1)
    const logs = await waitFor(() => logOf('swap', 'victim').then(String), { what: 'the victim’s words' })
    assert.doesNotMatch(logs, /stolen|etc/)
    await remove('swap')
  })
})

describe('what a Pod leaves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubets-host-'))
  after(() => rmSync(folder, { recursive: true }))

  it('is nothing: sub-paths are unbound, and what was bound is still there', async () => {
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data/precious'), 'kept\n')
    await create('host', {
      volumes: [{ name: 'h', hostPath: { path: folder } }],
      containers: [
        shell('c', 'cat /d/precious; echo more > /d/more; sleep 600', {
          volumeMounts: [{ name: 'h', mountPath: '/d', subPath: 'data' }],
        }),
      ],
    })
    assert.equal(await waitFor(async () => (await logOf('host', 'c')) || undefined, { what: 'its words' }), 'kept\n')
    const { metadata } = await cluster.client.get(podsRef, 'host', namespace)
    const root = join(cluster.layout.node(cluster.nodes()[0]?.name ?? '').kubeletRoot, 'pods', metadata?.uid ?? '')
    assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${root}/volume-subpaths/h/c/0 `))
    await remove('host')
    await waitFor(() => !existsSync(root), { what: 'the end of its folder' })
    assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(root))
    assert.equal(readFileSync(join(folder, 'data/precious'), 'utf8'), 'kept\n')
    assert.equal(readFileSync(join(folder, 'data/more'), 'utf8'), 'more\n')
  })

  it('are words of a bounded length', async () => {
    const script = 'head -c 1000000 /dev/zero | tr "\\0" x > /dev/termination-log'
    await create('words', { restartPolicy: 'Never', containers: [shell('c', script)] })
    const { status } = await podWhen('words', 'its end', ({ status: now }) => now?.phase === 'Succeeded')
    assert.equal(status?.containerStatuses?.[0]?.state?.terminated?.message, 'x'.repeat(4096))
  })

  it('comes by kubectl cp as files, and never as links to what is here', async () => {
    const script = 'mkdir -p /tmp/d/e; echo text > /tmp/d/e/file; ln -s /etc/passwd /tmp/d/link; ln -s / /tmp/d/e/root'
    await cluster.kubectl('exec', 'web', '--', 'sh', '-c', script)
    const target = join(folder, 'copied')
    await cluster.kubectl('cp', 'web:/tmp/d', target)
    assert.equal(readFileSync(join(target, 'e/file'), 'utf8'), 'text\n')
    for (const link of ['link', 'e/root']) {
      assert.equal(lstatSync(join(target, link), { throwIfNoEntry: false }), undefined, link)
    }
  })
})
