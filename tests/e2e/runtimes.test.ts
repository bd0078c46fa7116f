/** What must hold on every runtime alike: logs on the node, handlers, and nothing left of Pods that are gone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Event, Pod, PodSpec, RuntimeClass } from '../../api/types.ts'
import { events as eventsRef, pods as podsRef, runtimeClasses } from '../../api/resources.ts'
import { parseLine } from '../../kubelet/logs/cri-format.ts'
import { rotatedLogs } from '../../kubelet/logs/log-files.ts'
import { containerdPaths } from '../../deploy/containerd.ts'
import { namespaceOf } from '../../deploy/network.ts'
import { running as runningProcess } from '../../deploy/process-table.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { killKubelet } from '../harness/kill.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const maxFiles = 3
ensureTestImages()
const cluster = useCluster({
  nodes: 1,
  runtime: 'both',
  kubelet: { containerLogMaxSize: '100Ki', containerLogMaxFiles: maxFiles, containerLogMonitorInterval: '3s' },
})
const podWhen = podWhenIn(cluster)

let count = 0
const create = async (node: string, script: string, pod: Partial<PodSpec> = {}): Promise<string> => {
  const name = `r${++count}`
  const spec: PodSpec = {
    nodeName: node,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: busyboxImage, command: ['sh', '-c', script] }],
    ...pod,
  }
  await cluster().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
  return name
}
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Lines of all files of a Pod's log, oldest first. */
const linesOf = async (podLogs: string, name: string, uid: string): Promise<string[]> => {
  const file = join(podLogs, `${namespace}_${name}_${uid}`, 'c/0.log')
  const old = (await rotatedLogs(file)).map(({ path, compressed }) =>
    compressed ? gunzipSync(readFileSync(path)) : readFileSync(path),
  )
  return Buffer.concat([...old, readFileSync(file)])
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => parseLine(Buffer.from(line))?.text.toString() ?? `no line: ${line}`)
}

for (const runtime of ['docker', 'containerd'] as const) {
  describe(`on ${runtime}`, () => {
    const node = (): string =>
      cluster()
        .nodes()
        .find(({ runtime: of }) => of === runtime)?.name ?? ''
    const podLogs = (): string => cluster().layout.node(node()).podLogs
    const kubelet = (): number => runningProcess(cluster().layout.run, `${node()}-kubelet`)?.pid ?? 0

    it('logs on the node have each line once, though the kubelet is killed while they are written', async () => {
      const name = await create(
        node(),
        'for i in $(seq 1 1500); do echo line $i; [ $((i % 300)) -ne 0 ] || sleep 1; done',
      )
      const { metadata } = await podWhen(name, 'running', ({ status }) => status?.phase !== 'Pending')
      const uid = metadata?.uid ?? ''
      await waitFor(async () => (await linesOf(podLogs(), name, uid)).length >= 300, { what: 'the first lines' })
      await killKubelet(cluster(), node())
      await podWhen(name, 'its end', hasEnded)
      const expected = Array.from({ length: 1500 }, (_, index) => `line ${index + 1}`)
      const all = await waitFor(
        async () => {
          const lines = await linesOf(podLogs(), name, uid)
          return lines.length >= expected.length ? lines : undefined
        },
        { what: 'the last line' },
      )
      assert.deepEqual(all, expected)
      assert.deepEqual((await cluster().kubectl('logs', name)).trim().split('\n'), expected)
    })

    it('logs are rotated, packed, and no more files than may be; what is shown is without gaps', async () => {
      const text = 'x'.repeat(80)
      const script = `i=0; while ! test -e /tmp/end; do i=$((i+1)); echo $i ${text}; [ $((i % 500)) -ne 0 ] || sleep 0.2; done`
      const name = await create(node(), script)
      const { metadata } = await podWhen(name, 'running', ({ status }) => status?.phase === 'Running')
      const uid = metadata?.uid ?? ''
      const file = join(podLogs(), `${namespace}_${name}_${uid}`, 'c/0.log')
      const rotated = async (): Promise<boolean> => {
        const old = await rotatedLogs(file)
        return old.length === maxFiles - 1 && old[0]?.compressed === true
      }
      await waitFor(rotated, { what: 'rotated files, one packed' })
      await cluster().kubectl('exec', name, '--', 'touch', '/tmp/end')
      await podWhen(name, 'its end', hasEnded)
      const numbers = (lines: readonly string[]): number[] => lines.map((line) => Number(line.split(' ')[0]))
      const assertNoGaps = (all: readonly number[]): void => {
        all.forEach((number, index) => assert.equal(number, (all[0] ?? 0) + index))
      }
      const shown = numbers((await cluster().kubectl('logs', name)).trim().split('\n'))
      assertNoGaps(shown)
      const last = shown.at(-1)
      const onDisk = await waitFor(
        async () => {
          const all = numbers(await linesOf(podLogs(), name, uid))
          return all.at(-1) === last ? all : undefined
        },
        { what: 'the last line on the node' },
      )
      assertNoGaps(onDisk)
      assert.ok((await rotatedLogs(file)).length < maxFiles)
      const tail = numbers((await cluster().kubectl('logs', name, '--tail=1000')).trim().split('\n'))
      assert.deepEqual([tail.length, tail[0], tail.at(-1)], [1000, (last ?? 0) - 999, last])
    })

    it('the handler of a RuntimeClass is used, and one that does not exist is told of', async () => {
      const make = (name: string, handler: string) =>
        cluster().client.create(runtimeClasses, { metadata: { name }, handler } as RuntimeClass)
      await make(`${runtime}-good`, 'runc')
      await make(`${runtime}-bad`, 'nothing')
      await podWhen(await create(node(), 'true', { runtimeClassName: `${runtime}-good` }), 'its end', hasEnded)
      const bad = await create(node(), 'true', { runtimeClassName: `${runtime}-bad` })
      const told = await waitFor(
        async () => {
          const { items } = await cluster().client.list<Event>(eventsRef, { namespace })
          return items.find(
            ({ involvedObject, reason }) => involvedObject.name === bad && reason === 'FailedCreatePodSandBox',
          )
        },
        { what: 'the reason' },
      )
      assert.match(told.message ?? '', /nothing/)
    })

    it('nothing is left of Pods that are gone', async () => {
      const { layout, config, kubectl } = cluster()
      const { kubeletRoot, root } = layout.node(node())
      await kubectl('delete', 'pods', '--all', '--now', '--wait')
      const paths = containerdPaths(config(), layout, node())
      const places = {
        pods: () => readdirSync(join(kubeletRoot, 'pods')),
        logs: () => [...readdirSync(podLogs()), ...readdirSync(join(podLogs(), '../containers'))],
        leases: () => readdirSync(join(kubeletRoot, 'cni/networks/kubets')).filter((file) => /^\d/.test(file)),
        results: () => globSync(join(kubeletRoot, 'cni/results/*')),
        mounts: () =>
          readFileSync('/proc/self/mountinfo', 'utf8')
            .split('\n')
            .filter((line) => line.includes(`${root}/`) || line.includes(`${paths.state}/`)),
        cables: () =>
          execFileSync('ip', ['-n', namespaceOf(config(), node()), '-o', 'link', 'show', 'type', 'veth'], {
            encoding: 'utf8',
          })
            .split('\n')
            .filter((line) => line.includes('veth')),
        containers: () =>
          runtime === 'docker'
            ? execFileSync(
                'docker',
                [
                  'ps',
                  '-aq',
                  '--filter',
                  `label=io.kubets.root-dir=${kubeletRoot}`,
                  '--filter',
                  'label=io.kubernetes.pod.uid',
                ],
                { encoding: 'utf8' },
              )
                .split('\n')
                .filter(Boolean)
            : execFileSync('ctr', ['--address', paths.socket, '-n', 'k8s.io', 'containers', 'ls', '-q'], {
                encoding: 'utf8',
              })
                .split('\n')
                .filter(Boolean),
      }
      /** Kinds of open handles, by what they lead to. */
      const handles = (): string[] => {
        const folder = `/proc/${kubelet()}/fd`
        return readdirSync(folder).flatMap((fd) => {
          try {
            return [readlinkSync(join(folder, fd)).replace(/:\[\d+\]/, '')]
          } catch {
            return [] // closed meanwhile
          }
        })
      }
      const isClean = (): boolean => Object.values(places).every((read) => read().length === 0)
      const cgroups = (uids: readonly string[]): string[] =>
        globSync('/sys/fs/cgroup/**/pod*', { exclude: (path: string) => path.includes('docker') }).filter((path) =>
          uids.some((uid) => path.includes(uid)),
        )
      const round = async (pods: number): Promise<string[]> => {
        const volumes = [
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
        ]
        const containers = [
          {
            name: 'c',
            image: busyboxImage,
            command: ['sleep', '1000'],
            volumeMounts: [
              { name: 'disk', mountPath: '/disk', subPath: 'a' },
              { name: 'memory', mountPath: '/memory' },
            ],
          },
        ]
        const names = await Promise.all(Array.from({ length: pods }, () => create(node(), '', { volumes, containers })))
        const made = []
        for (const name of names) made.push(await podWhen(name, 'running', ({ status }) => status?.phase === 'Running'))
        await kubectl('delete', 'pods', ...names, '--now', '--wait')
        await waitFor(isClean, { what: 'nothing to be left', timeoutMs: 20_000 }).catch(() => {
          for (const [place, read] of Object.entries(places)) assert.deepEqual(read(), [], place)
        })
        return made.map(({ metadata }) => metadata?.uid ?? '')
      }
      // Connections that are kept for the next request are as many as were needed at once.
      const uids = [...(await round(12)), ...(await round(12))]
      const before = handles()
      uids.push(...(await round(12)))
      await waitFor(() => cgroups(uids).length === 0, { what: 'cgroups to go' })
      await waitFor(() => handles().length <= before.length + 6, { what: 'handles to be closed' }).catch(() => {
        assert.deepEqual(handles().toSorted(), before.toSorted())
      })
    })
  })
}
