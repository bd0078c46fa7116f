/** What containers are given and kept from, looked at from inside real ones on one node. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { Container, Event, Node, Pod, PodSpec } from '../../api/types.ts'
import { events as eventsRef, nodes as nodesRef, pods as podsRef } from '../../api/resources.ts'
import { namespaceOf } from '../../deploy/network.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { busyboxImage, ensureTestImages, userImage } from '../harness/images.ts'
import { podWhenIn } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const namespace = 'default'
const podPidsLimit = 64

let cluster: TestCluster
ensureTestImages()
useCluster({ nodes: 1, kubelet: { podPidsLimit, allowedUnsafeSysctls: ['net.core.somaxconn'] } }, (started) => {
  cluster = started
})

interface Wanted {
  readonly pod?: Partial<PodSpec>
  readonly container?: Partial<Container>
}

let count = 0

/** A Pod of one container that runs a script to its end. */
const create = async (script: string, { pod = {}, container = {} }: Wanted = {}): Promise<string> => {
  const name = `p${++count}`
  const spec: PodSpec = {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    ...pod,
    containers: [{ name: 'c', image: busyboxImage, command: ['sh', '-c', script], ...container }],
  }
  await cluster.client.create(podsRef, { metadata: { name, namespace }, spec } as Pod)
  return name
}

const podWhen = podWhenIn(() => cluster)

/** What the script writes. */
const inside = async (script: string, wanted?: Wanted): Promise<string> => {
  const name = await create(script, wanted)
  await podWhen(name, 'its end', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')
  return String(await cluster.client.raw('GET', `/api/v1/namespaces/${namespace}/pods/${name}/log`)).trim()
}

/** Reason and message with which the container waits. */
const waiting = async (wanted: Wanted): Promise<{ reason: string; message: string }> => {
  const name = await create('true', wanted)
  const isWaiting = ({ status }: Pod): boolean => status?.containerStatuses?.[0]?.state?.waiting?.message !== undefined
  const { status } = await podWhen(name, 'a refusal', isWaiting)
  const { reason = '', message = '' } = status?.containerStatuses?.[0]?.state?.waiting ?? {}
  return { reason, message }
}

/** Reason and message with which the kubelet turns a Pod away. */
const rejection = async (pod: Partial<PodSpec>): Promise<string> => {
  const name = await create('true', { pod })
  const { status } = await podWhen(name, 'a rejection', ({ status: now }) => now?.phase === 'Failed')
  return `${status?.reason}: ${status?.message}`
}

/** Fields of /proc/self/status. */
const statusOf = async (wanted: Wanted): Promise<(field: string) => string> => {
  const text = await inside('cat /proc/self/status', wanted)
  return (field) => new RegExp(`^${field}:\\s*(.*?)\\s*$`, 'm').exec(text)?.[1] ?? ''
}

const defaultCapabilities = '00000000a80425fb'
const filtered = '2'
const security = (securityContext: NonNullable<Container['securityContext']>): Wanted => ({
  container: { securityContext },
})

/** All that this machine's engine can give: capabilities younger than the engine are none of them. */
const bounding = BigInt(`0x${/^CapBnd:\s*(\S+)/m.exec(readFileSync('/proc/1/status', 'utf8'))?.[1]}`)

describe('a container that asks for nothing', { concurrency: true }, () => {
  it('has the default capabilities and the default seccomp profile, and may gain privileges', async () => {
    const status = await statusOf({})
    assert.equal(status('CapEff'), defaultCapabilities)
    assert.equal(status('CapBnd'), defaultCapabilities)
    assert.equal(status('Seccomp'), filtered)
    assert.equal(status('NoNewPrivs'), '0')
  })

  it('sees nothing of what is masked, and changes nothing of what is the machine’s', async () => {
    const script = `
      for f in kcore keys timer_list interrupts sched_debug; do test -e /proc/$f && head -c 1 /proc/$f 2>&1 | wc -c; done
      ls /proc/acpi /proc/scsi /sys/firmware /sys/devices/virtual/powercap 2>/dev/null | grep -v : | grep . | wc -l
      (echo 0 > /proc/sys/kernel/panic) 2>&1
      cut -d' ' -f5,6 /proc/self/mountinfo`
    const text = await inside(script)
    const [masked = '', mounts = ''] = text.split(/^.*Read-only file system\n/m)
    assert.match(masked, /^(0\n){4,}$/)
    const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger', '/sys']
    for (const path of readOnly.filter(existsSync)) {
      assert.match(mounts, new RegExp(`^${path} ro[, ]`, 'm'))
    }
  })

  it('finds no door to the engine, and no device of the machine', async () => {
    const script = 'ls -d /var/run/docker.sock /run/docker.sock /run/containerd 2>/dev/null | wc -l; ls /dev'
    const [sockets, ...devices] = (await inside(script)).split('\n')
    assert.equal(sockets, '0')
    assert.ok(!devices.some((name) => /^(vd|sd|nvme|loop|kmsg|mem|kvm)/.test(name)), devices.join())
  })

  it('is in namespaces of its own', async () => {
    const kinds = ['net', 'pid', 'ipc', 'mnt', 'uts']
    const found = await inside(`for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done; exec cat /proc/1/comm`)
    const [process, ...namespaces] = found.split('\n').toReversed()
    assert.equal(process, 'cat')
    for (const [index, kind] of kinds.toReversed().entries()) {
      assert.notEqual(namespaces[index], readlinkSync(`/proc/self/ns/${kind}`), kind)
    }
  })

  it('shares with its Pod no more than the limit of processes', async () => {
    const script = `i=0; while [ $i -lt ${2 * podPidsLimit} ]; do sleep 3 & i=$((i+1)); done 2>&1 | tail -1; echo $?`
    assert.match(await inside(script), /can't fork/)
  })
})

describe('capabilities and privileges', { concurrency: true }, () => {
  it('are dropped and added as asked', async () => {
    const dropped = await statusOf(security({ capabilities: { drop: ['ALL'] } }))
    assert.equal(dropped('CapBnd'), '0000000000000000')
    const only = await statusOf(security({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'NET_ADMIN'] } }))
    assert.equal(only('CapEff'), '0000000000001400')
    const more = await statusOf(security({ capabilities: { add: ['SYS_TIME'], drop: ['NET_RAW'] } }))
    assert.equal(BigInt(`0x${more('CapEff')}`), (BigInt(`0x${defaultCapabilities}`) | (1n << 25n)) & ~(1n << 13n))
  })

  it('are not gained where escalation is forbidden', async () => {
    assert.equal((await statusOf(security({ allowPrivilegeEscalation: false })))('NoNewPrivs'), '1')
    assert.equal((await statusOf(security({ allowPrivilegeEscalation: true })))('NoNewPrivs'), '0')
  })

  it('are all there for a privileged container: nothing is masked, filtered or kept from it', async () => {
    const status = await statusOf(security({ privileged: true }))
    const has = BigInt(`0x${status('CapEff')}`)
    assert.equal(has & ~bounding, 0n)
    assert.equal(has & (1n << 21n), 1n << 21n, 'SYS_ADMIN')
    assert.equal(status('Seccomp'), '0')
    const script = `cut -d' ' -f5,6 /proc/self/mountinfo | grep -E '^/proc/|^/sys/firmware' | grep -v binfmt | wc -l
      cat /proc/sys/kernel/panic > /tmp/panic && cat /tmp/panic > /proc/sys/kernel/panic && echo written; test -e /dev/kmsg && echo device`
    assert.deepEqual((await inside(script, security({ privileged: true }))).split('\n'), ['0', 'written', 'device'])
  })

  it('are the same for what is executed later', async () => {
    const name = await create(
      'sleep 300',
      security({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }),
    )
    await podWhen(name, 'to run', ({ status }) => status?.phase === 'Running')
    const text = await cluster.kubectl('exec', name, '--', 'cat', '/proc/self/status')
    assert.match(text, /^CapEff:\s+0000000000000000$/m)
    assert.match(text, /^NoNewPrivs:\s+1$/m)
    assert.match(text, /^Seccomp:\s+2$/m)
    await cluster.client.delete(podsRef, name, namespace)
  })
})

describe('seccomp', { concurrency: true }, () => {
  const modeOf = async (wanted: Wanted): Promise<string> => (await statusOf(wanted))('Seccomp')
  const profiles = (): string =>
    join(cluster.layout.node(cluster.nodes()[0]?.name ?? '').kubeletRoot, 'seccomp/profiles')
  before(() => {
    const noFolders = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
    }
    mkdirSync(profiles(), { recursive: true })
    writeFileSync(join(profiles(), 'no-folders.json'), JSON.stringify(noFolders))
    writeFileSync(join(profiles(), 'broken.json'), '{')
  })

  it('has the profile of the container before that of the Pod', async () => {
    const unconfined = { seccompProfile: { type: 'Unconfined' } }
    const runtimeDefault = { seccompProfile: { type: 'RuntimeDefault' } }
    assert.equal(await modeOf({ pod: { securityContext: unconfined } }), '0')
    assert.equal(await modeOf({ pod: { securityContext: unconfined }, ...security(runtimeDefault) }), filtered)
    assert.equal(await modeOf({ pod: { securityContext: runtimeDefault }, ...security(unconfined) }), '0')
  })

  it('reads profiles of the node', async () => {
    const localhost = (localhostProfile: string): Wanted =>
      security({ seccompProfile: { type: 'Localhost', localhostProfile } })
    const output = await inside(
      'mkdir /tmp/x 2>&1; touch /tmp/y && echo touched',
      localhost('profiles/no-folders.json'),
    )
    assert.match(output, /Operation not permitted\ntouched$/)
    const missing = await waiting(localhost('profiles/none.json'))
    assert.equal(missing.reason, 'CreateContainerError')
    assert.match(missing.message, /^cannot load seccomp profile ".*\/none\.json": open .*: no such file or directory$/)
    assert.match((await waiting(localhost('profiles/broken.json'))).message, /decoding seccomp profile failed/)
  })
})

describe('files', { concurrency: true }, () => {
  it('of the image are read-only where that is asked for, and volumes are not', async () => {
    const script = 'touch /x 2>&1; touch /v/x && echo written'
    const output = await inside(script, {
      pod: { volumes: [{ name: 'v', emptyDir: {} }] },
      container: {
        securityContext: { readOnlyRootFilesystem: true },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      },
    })
    assert.match(output, /Read-only file system\nwritten$/)
  })

  it('of a volume are never recursively read-only: who must have that is refused, who may is not', async () => {
    const mounted = (recursiveReadOnly: string): Wanted => ({
      pod: { volumes: [{ name: 'v', emptyDir: {} }] },
      container: { volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly }] },
    })
    assert.deepEqual(await waiting(mounted('Enabled')), {
      reason: 'CreateContainerConfigError',
      message:
        'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
    })
    assert.match(await inside('touch /v/x 2>&1', mounted('IfPossible')), /Read-only file system/)
  })
})

describe('users and groups', { concurrency: true }, () => {
  const ids = 'echo $(id -u) $(id -g) : $(id -G)'

  it('are those of the Pod, and of the container before it', async () => {
    const pod: Partial<PodSpec> = {
      securityContext: { runAsUser: 1001, runAsGroup: 2001, supplementalGroups: [3001, 3002], fsGroup: 4001 },
      volumes: [{ name: 'v', emptyDir: {} }],
    }
    const container = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
    const script = `${ids}; touch /v/x; stat -c '%u %g' /v/x; stat -c %g /v`
    assert.deepEqual((await inside(script, { pod, container })).split('\n'), [
      '1001 2001 : 2001 3001 3002 4001',
      '1001 4001',
      '4001',
    ])
    const own = { ...container, securityContext: { runAsUser: 1002, runAsGroup: 2002 } }
    assert.match(await inside(ids, { pod, container: own }), /^1002 2002 : /)
  })

  it('are merged with those of the image, unless the Pod says Strict', async () => {
    const of = (securityContext: NonNullable<PodSpec['securityContext']>, image: string): Wanted => ({
      pod: { securityContext },
      container: { image },
    })
    const app = userImage('app')
    const asked = { runAsUser: 1000, runAsGroup: 2001, supplementalGroups: [3001] }
    const strict = { supplementalGroupsPolicy: 'Strict', supplementalGroups: [3001] }
    const expected = [
      [{}, '1000 1000 : 1000 50000'],
      [asked, '1000 2001 : 2001 3001 50000'],
      [{ ...asked, ...strict }, '1000 2001 : 2001 3001'],
      [strict, '1000 1000 : 1000 3001'],
      [{ ...strict, runAsUser: 1000 }, '1000 1000 : 1000 3001'],
      [{ ...strict, runAsUser: 77 }, '77 0 : 0 3001'],
    ] as const
    const found = await Promise.all(expected.map(([context]) => inside(ids, of(context, app))))
    assert.deepEqual(
      found,
      expected.map(([, text]) => text),
    )
  })

  it('are told in the status of the container', async () => {
    const securityContext = { runAsUser: 1000, runAsGroup: 2001, supplementalGroups: [3001] }
    const name = await create('sleep 300', { pod: { securityContext } })
    const { status } = await podWhen(
      name,
      'its user',
      ({ status: now }) => now?.containerStatuses?.[0]?.user !== undefined,
    )
    assert.deepEqual(status?.containerStatuses?.[0]?.user?.linux, {
      uid: 1000,
      gid: 2001,
      supplementalGroups: [2001, 3001],
    })
    await cluster.client.delete(podsRef, name, namespace)
  })

  it('are not root where that is forbidden', async () => {
    const nonRoot = (image: string, runAsUser?: number): Wanted => ({
      pod: { securityContext: { runAsNonRoot: true, ...(runAsUser === undefined ? {} : { runAsUser }) } },
      container: { image },
    })
    const place = /\(pod: "p\d+_default\([-0-9a-f]{36}\)", container: c\)$/
    const refused = [
      [nonRoot(busyboxImage), /^container has runAsNonRoot and image will run as root /],
      [nonRoot(userImage('1000'), 0), /^container's runAsUser breaks non-root policy /],
      [
        nonRoot(userImage('app')),
        /^container has runAsNonRoot and image has non-numeric user \(app\), cannot verify user is non-root /,
      ],
    ] as const
    const found = await Promise.all(refused.map(([wanted]) => waiting(wanted)))
    for (const [index, [, message]] of refused.entries()) {
      assert.equal(found[index]?.reason, 'CreateContainerConfigError')
      assert.match(found[index]?.message ?? '', message)
      assert.match(found[index]?.message ?? '', place)
    }
    assert.equal(await inside('id -u', nonRoot(userImage('1000'))), '1000')
    assert.equal(await inside('id -u', nonRoot(busyboxImage, 7)), '7')
  })
})

describe('namespaces of the node', { concurrency: true }, () => {
  const own = (kind: string): string => `readlink /proc/self/ns/${kind}`

  it('are shared with Pods that ask for them', async () => {
    const node = namespaceOf(cluster.config(), cluster.nodes()[0]?.name ?? '')
    const net = execFileSync('ip', ['netns', 'exec', node, 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' })
    assert.equal(await inside(own('net'), { pod: { hostNetwork: true } }), net.trim())
    assert.equal(await inside(own('pid'), { pod: { hostPID: true } }), readlinkSync('/proc/self/ns/pid'))
    assert.equal(await inside(own('ipc'), { pod: { hostIPC: true } }), readlinkSync('/proc/self/ns/ipc'))
  })

  it('have their counterpart in the Pod: containers see each other’s processes where it says so', async () => {
    const pod = { shareProcessNamespace: true }
    assert.equal(await inside('exec cat /proc/1/comm', { pod }), 'pause')
  })

  it('have no user namespace beside them: a Pod that wants one is told why it waits', async () => {
    const { status } = await cluster.client.get<Node>(nodesRef, cluster.nodes()[0]?.name ?? '')
    // The default, and those that dockerd knows by name.
    assert.deepEqual(status?.runtimeHandlers?.[0]?.name, '')
    for (const { features } of status?.runtimeHandlers ?? [])
      assert.deepEqual(features, { recursiveReadOnlyMounts: false, userNamespaces: false })
    assert.deepEqual(status?.features, { supplementalGroupsPolicy: true })
    const name = await create('true', { pod: { hostUsers: false } })
    const event = await waitFor(
      async () => {
        const { items } = await cluster.client.list<Event>(eventsRef, { namespace })
        return items.find(
          ({ involvedObject, reason }) => involvedObject.name === name && reason === 'FailedCreatePodSandBox',
        )
      },
      { what: 'the reason' },
    )
    assert.equal(
      event.message,
      "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    )
    const pod = await cluster.client.get(podsRef, name, namespace)
    assert.equal(pod.status?.phase, 'Pending')
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating')
    await cluster.client.delete(podsRef, name, namespace)
  })
})

describe('what the kubelet does not let in', { concurrency: true }, () => {
  const sysctl = (name: string, value: string): Partial<PodSpec> => ({
    securityContext: { sysctls: [{ name, value }] },
  })

  it('are sysctls that are not safe, unless its configuration allows them', async () => {
    const read = (name: string): string => `cat /proc/sys/${name.replaceAll('.', '/')}`
    const safe = 'net.ipv4.ip_unprivileged_port_start'
    assert.equal(await inside(read(safe), { pod: sysctl(safe, '42') }), '42')
    assert.equal(await inside(read('net.core.somaxconn'), { pod: sysctl('net.core.somaxconn', '77') }), '77')
    assert.equal(
      await rejection(sysctl('kernel.msgmax', '65536')),
      'SysctlForbidden: Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
    )
    assert.equal(
      await rejection(sysctl('net/ipv4/tcp_mem', '1 2 3')),
      'SysctlForbidden: Pod was rejected: forbidden sysctl: "net.ipv4.tcp_mem" not allowlisted',
    )
  })

  it('are AppArmor profiles on a machine without AppArmor', async (t) => {
    if (existsSync('/sys/kernel/security/apparmor')) return t.skip('this machine has AppArmor')
    assert.equal(
      await rejection({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      'AppArmor: Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host',
    )
    const unconfined: Wanted = { pod: { securityContext: { appArmorProfile: { type: 'Unconfined' } } } }
    assert.equal(await inside('echo runs', unconfined), 'runs')
  })
})
