/** Images: who may pull them, what is told when it fails, volumes of them, and their end; on Docker and containerd. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Event, Pod, PodSpec } from '../../api/types.ts'
import { events as eventsRef, pods as podsRef } from '../../api/resources.ts'
import { containerdPaths } from '../../deploy/containerd.ts'
import { hostAddress } from '../../deploy/network.ts'
import { busyboxImage, ensureTestImages } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { startRegistry } from '../harness/registry.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const execFileAsync = promisify(execFile)
const namespace = 'default'
const user = { username: 'me', password: 'secret' }
const folder = mkdtempSync(join(tmpdir(), 'kubets-images-'))
const registry = await startRegistry()
ensureTestImages()
const cluster = useCluster({ nodes: 1, runtime: 'both' }, ({ config, layout, nodes }) => {
  for (const { name, runtime } of nodes()) {
    if (runtime !== 'containerd') continue
    const host = `${hostAddress(config())}:${registry.port}`
    const place = join(containerdPaths(config(), layout, name).registries, host)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'hosts.toml'), `[host."http://${host}"]\n`)
  }
})
const podWhen = podWhenIn(cluster)
const local = (name: string): string => `127.0.0.1:${registry.port}/${name}`
const made = new Set<string>()
after(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
  for (const image of made) execFileSync('docker', ['rmi', '-f', image], { stdio: 'ignore' })
})

/** Puts a copy of busybox into the registry, and takes it from Docker again. */
const push = async (name: string): Promise<void> => {
  const image = local(name)
  const docker = (...args: string[]) => execFileAsync('docker', args, { env: { ...process.env, DOCKER_BUILDKIT: '0' } })
  made.add(image)
  writeFileSync(join(folder, 'mark'), `${name} `)
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${busyboxImage}\nCOPY mark /mark\nCOPY mark /folder/mark\n`)
  await docker('build', '-q', '-t', image, folder)
  await docker('push', '-q', image)
  await docker('rmi', image)
}

let count = 0
const create = async (node: string, image: string, pod: Partial<PodSpec> = {}): Promise<string> => {
  const name = `i${++count}`
  const { containers = [{ name: 'c', image, command: ['sh', '-c', 'cat /mark; echo; sleep 1000'] }], ...rest } = pod
  const spec: PodSpec = {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers,
    ...rest,
  }
  await cluster().client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
  return name
}
const waitingOf = ({ status }: Pod): { reason?: string; message?: string } =>
  status?.containerStatuses?.[0]?.state?.waiting ?? {}
const isRunning = ({ status }: Pod): boolean => status?.containerStatuses?.[0]?.state?.running !== undefined
const hasReason =
  (...reasons: string[]) =>
  (pod: Pod): boolean =>
    reasons.includes(waitingOf(pod).reason ?? '')
const eventsOf = async (name: string): Promise<string[]> =>
  (await cluster().client.list<Event>(eventsRef, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`)
const secret = async (name: string, password: string): Promise<void> => {
  const server = [`127.0.0.1:${registry.port}`, `${hostAddress(cluster().config())}:${registry.port}`]
  const auths = Object.fromEntries(server.map((host) => [host, { username: user.username, password }]))
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify({ auths }))
  await cluster().kubectl(
    'create',
    'secret',
    'generic',
    name,
    '--type=kubernetes.io/dockerconfigjson',
    `--from-file=.dockerconfigjson=${file}`,
  )
}

for (const runtime of ['docker', 'containerd'] as const) {
  describe(`images on ${runtime}`, () => {
    const node = (): string =>
      cluster()
        .nodes()
        .find(({ runtime: of }) => of === runtime)?.name ?? ''
    const reference = (name: string): string =>
      runtime === 'docker' ? local(name) : `${hostAddress(cluster().config())}:${registry.port}/${name}`
    const records = (): string[] => {
      const place = join(cluster().layout.node(node()).kubeletRoot, 'image_manager/pulled')
      return readdirSync(place).map((file) => readFileSync(join(place, file), 'utf8'))
    }

    it('are pulled where they are not there, and not again', async () => {
      await push(`${runtime}/open:1`)
      const name = await create(node(), reference(`${runtime}/open:1`))
      await podWhen(name, 'running', isRunning)
      await waitFor(async () => (await cluster().kubectl('logs', name)).includes('open:1'), { what: 'its log' })
      const pulls = registry.pulls.length
      await podWhen(await create(node(), reference(`${runtime}/open:1`)), 'running', isRunning)
      assert.equal(registry.pulls.length, pulls)
      const told = await waitFor(
        async () => {
          const all = await eventsOf(name)
          return all.some((event) => event.startsWith('Started')) ? all : undefined
        },
        { what: 'events' },
      )
      assert.ok(told.some((event) => event.startsWith('Pulling: Pulling image ')))
      assert.ok(
        told.some((event) => /^Pulled: Successfully pulled image ".*" in .*\. Image size: \d+ bytes\.$/.test(event)),
      )
      assert.ok(records().some((text) => text.includes('"nodePodsAccessible":true')))
    })

    it('that are wrong, forbidden or not there are told of with upstream’s reasons, and pulled once they can be', async () => {
      const wrong = await podWhen(await create(node(), 'UPPER:1'), 'a reason', hasReason('InvalidImageName'))
      assert.match(waitingOf(wrong).message ?? '', /couldn't parse image name/)
      const never = await create(node(), reference(`${runtime}/none:1`), {
        containers: [{ name: 'c', image: reference(`${runtime}/none:1`), imagePullPolicy: 'Never' }],
      })
      await podWhen(never, 'a reason', hasReason('ErrImageNeverPull'))
      const late = await create(node(), reference(`${runtime}/late:1`))
      await podWhen(late, 'a reason', hasReason('ErrImagePull', 'ImagePullBackOff'))
      const backOff = await podWhen(late, 'back-off', hasReason('ImagePullBackOff'))
      assert.match(waitingOf(backOff).message ?? '', /^Back-off pulling image ".*": ErrImagePull: /)
      await push(`${runtime}/late:1`)
      await podWhen(late, 'running', isRunning)
    })

    it('with a password are pulled with the Pod’s Secret, and not used by Pods without it', async () => {
      await push(`${runtime}/private:1`)
      registry.setUser(user)
      try {
        const image = reference(`${runtime}/private:1`)
        await secret(`${runtime}-good`, user.password)
        await secret(`${runtime}-bad`, 'wrong')
        await podWhen(await create(node(), image), 'a refusal', hasReason('ErrImagePull', 'ImagePullBackOff'))
        const both = [{ name: `${runtime}-bad` }, { name: `${runtime}-good` }]
        await podWhen(await create(node(), image, { imagePullSecrets: both }), 'running', isRunning)
        await podWhen(await create(node(), image, { imagePullSecrets: both.slice(1) }), 'running', isRunning)
        // It is there now: who has no Secret gets it no more than before.
        const stranger = await create(node(), image)
        await podWhen(stranger, 'a refusal', hasReason('ErrImagePull', 'ImagePullBackOff'))
        const never = { name: 'c', image, imagePullPolicy: 'Never' }
        await podWhen(await create(node(), image, { containers: [never] }), 'a refusal', hasReason('ErrImageNeverPull'))
        assert.ok(records().some((text) => text.includes(`"name":"${runtime}-good"`)))
        assert.ok(records().every((text) => !text.includes(user.password)))
        // Preloaded images are everybody's.
        await podWhen(
          await create(node(), busyboxImage, {
            containers: [{ name: 'c', image: busyboxImage, command: ['sleep', '1000'] }],
          }),
          'running',
          isRunning,
        )
      } finally {
        registry.setUser(undefined)
      }
    })

    it('are volumes, read-only and without programs, whole or in part, where the runtime can', async () => {
      await push(`${runtime}/volume:1`)
      const reference1 = reference(`${runtime}/volume:1`)
      const name = await create(node(), busyboxImage, {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'c',
            image: busyboxImage,
            command: [
              'sh',
              '-c',
              'cat /v/mark /part/mark; ls /part; touch /v/x 2>&1; /v/bin/busybox true || echo refused',
            ],
            volumeMounts: [
              { name: 'v', mountPath: '/v' },
              { name: 'v', mountPath: '/part', subPath: 'folder' },
            ],
          },
        ],
        volumes: [{ name: 'v', image: { reference: reference1 } }],
      })
      if (runtime === 'containerd') {
        // 1.6 has no image volumes: what it says is told.
        const pod = await podWhen(name, 'a refusal', hasReason('CreateContainerError'))
        assert.notEqual(waitingOf(pod).message, '')
        return
      }
      await podWhen(name, 'its end', ({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded')
      const log = await cluster().kubectl('logs', name)
      assert.match(log, /(docker\/volume:1 ){2}mark\n/)
      for (const refused of [/touch: .*: Read-only file system\n/, /busybox: Permission denied\n/])
        assert.match(log, refused)
      const none = await create(node(), busyboxImage, {
        containers: [{ name: 'c', image: busyboxImage, volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', image: { reference: reference(`${runtime}/no-volume:1`) } }],
      })
      await podWhen(none, 'a reason', hasReason('ErrImagePull', 'ImagePullBackOff'))
      await cluster().kubectl('delete', 'pod', name, none, '--now', '--wait')
      await waitFor(() => !readFileSync('/proc/self/mountinfo', 'utf8').includes('kubernetes.io~image'), {
        what: 'the volume to go',
      })
    })

    it('are pulled with the node’s own credentials, for all of its Pods', async () => {
      await push(`${runtime}/node:1`)
      registry.setUser(user)
      try {
        const { layout } = cluster()
        const root = layout.node(node()).kubeletRoot
        writeFileSync(
          join(root, 'config.json'),
          JSON.stringify({ auths: { [reference('x').split('/')[0] ?? '']: user } }),
        )
        await podWhen(await create(node(), reference(`${runtime}/node:1`)), 'running', isRunning)
        rmSync(join(root, 'config.json'))
      } finally {
        registry.setUser(undefined)
      }
    })
  })
}
