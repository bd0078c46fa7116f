import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContainerConfig, PodSandboxConfig } from '../runtime-service.ts'
import { signalNumber } from './common-messages.ts'
import { conditionText, featuresOf } from './cri-runtime.ts'
import { containerMessage, sandboxMessage } from './convert.ts'
import { ContainerConfig as ContainerConfigMessage } from './container-messages.ts'
import { PodSandboxConfig as PodSandboxConfigMessage } from './sandbox-messages.ts'
import { exitCodeOf } from './streaming.ts'

const sandbox: PodSandboxConfig = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', attempt: 1 },
  hostname: 'web',
  labels: { a: 'b' },
  annotations: {},
  cgroupParent: '/kubepods/podu1',
  network: 'pod',
  pid: 'container',
  ipc: 'pod',
  sysctls: { 'net.core.somaxconn': '10' },
  portMappings: [{ protocol: 'UDP', containerPort: 53, hostPort: 5353, hostIP: '' }],
  privileged: false,
  logDirectory: '/var/log/pods/shop_web_u1',
  runtimeHandler: '',
}
const container: ContainerConfig = {
  name: 'c',
  attempt: 2,
  image: 'sha256:1',
  imageName: 'web:1',
  logPath: 'c/2.log',
  command: ['sh'],
  args: [],
  workingDir: '',
  env: [{ name: 'A', value: 'ä' }],
  mounts: [
    { containerPath: '/a', hostPath: '/b', readOnly: true, recursiveReadOnly: true, propagation: 'hostToContainer' },
    {
      containerPath: '/i',
      hostPath: '',
      image: { id: 'sha256:2', subPath: 's' },
      readOnly: true,
      recursiveReadOnly: false,
      propagation: 'private',
    },
  ],
  devices: [],
  cdiDevices: [],
  labels: {},
  annotations: {},
  stdin: false,
  stdinOnce: false,
  tty: true,
  stopSignal: 'SIGRTMIN+3',
  resources: { cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitBytes: 1 << 20, oomScoreAdj: -997 },
  security: {
    privileged: false,
    readOnlyRootFilesystem: true,
    noNewPrivileges: true,
    user: '',
    supplementalGroups: [5],
    supplementalGroupsPolicy: 'Strict',
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
    seccomp: { type: 'localhost', path: '/seccomp/x.json' },
    appArmor: '',
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: [],
  },
  pid: 'container',
}

/** What the runtime reads. */
const sent = (config: Partial<ContainerConfig> = {}, of: Partial<PodSandboxConfig> = {}) =>
  ContainerConfigMessage.decode(
    ContainerConfigMessage.encode(containerMessage({ ...container, ...config }, { ...sandbox, ...of })),
  )
const sentSandbox = (of: Partial<PodSandboxConfig> = {}) =>
  PodSandboxConfigMessage.decode(PodSandboxConfigMessage.encode(sandboxMessage({ ...sandbox, ...of })))

describe('a sandbox for CRI', () => {
  it('has names, folders, ports and sysctls of the Pod', () => {
    const { metadata, hostname, logDirectory, portMappings, labels, linux } = sentSandbox()
    assert.deepEqual({ ...metadata }, { name: 'web', uid: 'u1', namespace: 'shop', attempt: 1 })
    assert.deepEqual([hostname, logDirectory, labels.get('a')], ['web', '/var/log/pods/shop_web_u1', 'b'])
    assert.deepEqual([portMappings[0]?.protocol, portMappings[0]?.hostPort], ['UDP', 5353])
    assert.deepEqual([linux?.cgroupParent, linux?.sysctls.get('net.core.somaxconn')], ['/kubepods/podu1', '10'])
  })

  it('shares with the node what the Pod asks for, and then has its name', () => {
    const { hostname, linux } = sentSandbox({ network: 'node', pid: 'node', ipc: 'node' })
    const { network, pid, ipc } = linux?.securityContext?.namespaceOptions ?? {}
    assert.deepEqual([hostname, network, pid, ipc], ['', 'NODE', 'NODE', 'NODE'])
  })
})

describe('a container for CRI', () => {
  it('has mounts, resources and limits of the Pod', () => {
    const { metadata, mounts, envs, linux, logPath, stopSignal, image } = sent()
    assert.deepEqual([metadata?.attempt, logPath, image?.userSpecifiedImage], [2, 'c/2.log', 'web:1'])
    assert.deepEqual([envs[0]?.key, envs[0]?.value], ['A', 'ä'])
    const [bound, image2] = mounts
    assert.deepEqual([bound?.readonly, bound?.recursiveReadOnly, bound?.propagation], [true, true, 'hostToContainer'])
    assert.deepEqual([image2?.image?.image, image2?.imageSubPath], ['sha256:2', 's'])
    assert.equal(linux?.resources?.oomScoreAdj, -997)
    assert.equal(stopSignal, 38)
  })

  it('runs as whom the Pod says, by number, name, or the image', () => {
    const userOf = (user: string) => {
      const { runAsUser, runAsGroup, runAsUsername } =
        sent({ security: { ...container.security, user } }).linux?.securityContext ?? {}
      return [runAsUser?.value, runAsUsername, runAsGroup?.value]
    }
    assert.deepEqual(userOf(''), [undefined, '', undefined])
    assert.deepEqual(userOf('0'), [0, '', undefined])
    assert.deepEqual(userOf('1000:5'), [1000, '', 5])
    assert.deepEqual(userOf('app:5'), [undefined, 'app', 5])
  })

  it('has the profile and the processes that it may see', () => {
    const { seccomp, supplementalGroupsPolicy, namespaceOptions } =
      sent({ pid: { target: 'x' } }).linux?.securityContext ?? {}
    assert.deepEqual([seccomp?.profileType, seccomp?.localhostRef], ['Localhost', '/seccomp/x.json'])
    assert.equal(supplementalGroupsPolicy, 'Strict')
    assert.deepEqual([namespaceOptions?.pid, namespaceOptions?.targetId], ['TARGET', 'x'])
  })

  it('stops by the signal with CRI’s number', () => {
    const numbers = {
      '': 0,
      SIGABRT: 1,
      SIGTERM: 23,
      SIGXFSZ: 34,
      SIGRTMIN: 35,
      'SIGRTMIN+15': 50,
      'SIGRTMAX-14': 51,
      'SIGRTMAX-1': 64,
      SIGRTMAX: 65,
      SIGNONE: 0,
    }
    for (const [name, number] of Object.entries(numbers)) assert.equal(signalNumber(name), number, name)
  })
})

describe('the status of a runtime', () => {
  const status = (conditions: { type: string; status: boolean; reason?: string; message?: string }[]) => ({
    status: { conditions: conditions.map(({ reason = '', message = '', ...rest }) => ({ ...rest, reason, message })) },
    info: new Map(),
    runtimeHandlers: [],
    features: undefined,
  })

  it('says why it is not ready in upstream’s words', () => {
    const bad = status([
      {
        type: 'NetworkReady',
        status: false,
        reason: 'NetworkPluginNotReady',
        message: 'Network plugin returns error: cni plugin not initialized',
      },
    ])
    assert.equal(
      conditionText(bad, 'NetworkReady', 'network not ready'),
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    )
    assert.equal(conditionText(status([{ type: 'NetworkReady', status: true }]), 'NetworkReady', ''), '')
  })

  it('tells what its handlers can; one that tells of none has its default', () => {
    assert.deepEqual(featuresOf(status([])).handlers, [
      { name: '', recursiveReadOnlyMounts: false, userNamespaces: false },
    ])
    const handler = (name: string, recursiveReadOnlyMounts: boolean) => ({
      name,
      features: { recursiveReadOnlyMounts, userNamespaces: true },
    })
    const told = featuresOf({
      ...status([]),
      runtimeHandlers: [handler('', true), handler('kata', false)],
      features: { supplementalGroupsPolicy: true },
    })
    assert.deepEqual(
      [told.recursiveReadOnlyMounts, told.supplementalGroupsPolicy, told.handlers.length],
      [true, true, 2],
    )
  })
})

describe('the end of a command', () => {
  it('is the exit code in its error stream', () => {
    assert.equal(exitCodeOf(''), 0)
    assert.equal(exitCodeOf('{"metadata":{},"status":"Success"}'), 0)
    const failure = {
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    }
    assert.equal(exitCodeOf(JSON.stringify(failure)), 7)
    assert.throws(() => exitCodeOf('{"status":"Failure","message":"no such container"}'), /no such container/)
  })
})
