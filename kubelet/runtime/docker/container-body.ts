/** Pure: the body of Docker's container create call from a CRI configuration. */
import { join } from 'node:path'
import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import { containerNameLabel } from '../labels.ts'
import type {
  CgroupSettings,
  ContainerConfig,
  Mount,
  PodSandboxConfig,
  PodSandboxStatus,
  SecurityConfig,
} from '../runtime-service.ts'
import type { EngineUser } from './image-users.ts'
import {
  dockerName,
  logDirectoryLabel,
  logPathLabel,
  networkLabel,
  type Owner,
  ownerLabels,
  runtimeHandlerLabel,
  sandboxIdLabel,
  toDockerLabels,
  typeLabel,
} from './labels.ts'

/** Facts of this engine and node that the bodies depend on. */
export interface EngineFacts extends Owner {
  readonly pauseImage: string
  /** Log files are turned at this size; upstream: containerLogMaxSize and containerLogMaxFiles. */
  readonly logMaxSizeBytes: number
  readonly logMaxFiles: number
  readonly appArmor: boolean
  readonly oomScoreAdjMinimum: number
  /** Empty where the engine has every capability, so that Docker's own Privileged works. */
  readonly unavailableCapabilities: readonly string[]
}

const logConfig = (facts: EngineFacts): { Type: string; Config: Record<string, string> } => ({
  Type: 'json-file',
  Config: { 'max-size': String(facts.logMaxSizeBytes), 'max-file': String(facts.logMaxFiles) },
})

/** `docker run --runtime`: handlers of a RuntimeClass are the names in dockerd's own configuration. */
const runtimeOf = (handler: string): HostConfig => (handler === '' ? {} : ({ Runtime: handler } as HostConfig))

/** The sandbox's container. Its network is empty until CNI wires it, except in the node's network. */
export const sandboxBody = (
  config: PodSandboxConfig,
  networkMode: string,
  facts: EngineFacts,
): ContainerCreateOptions => {
  const { metadata } = config
  // A container that joins another's network has that one's host name; Docker refuses both.
  const joined = networkMode !== 'none'
  return {
    name: dockerName('POD', metadata, metadata.attempt),
    Image: facts.pauseImage,
    // A namespace of its own either way; but for an enabled network Docker starts its own binary once more, which takes
    // as long as the whole container.
    ...(joined ? {} : { Hostname: config.hostname, NetworkDisabled: true }),
    Labels: {
      ...toDockerLabels(config.labels, config.annotations),
      [containerNameLabel]: 'POD',
      [typeLabel]: 'podsandbox',
      ...ownerLabels(facts),
      [networkLabel]: config.network,
      [logDirectoryLabel]: config.logDirectory,
      [runtimeHandlerLabel]: config.runtimeHandler,
    },
    HostConfig: {
      NetworkMode: networkMode,
      IpcMode: config.ipc === 'node' ? 'host' : 'shareable',
      PidMode: config.pid === 'node' ? 'host' : '',
      ...(config.cgroupParent === '' ? {} : { CgroupParent: config.cgroupParent }),
      ...(Object.keys(config.sysctls).length === 0 ? {} : { Sysctls: { ...config.sysctls } }),
      ...runtimeOf(config.runtimeHandler),
      CpuShares: 2,
      OomScoreAdj: Math.max(0, facts.oomScoreAdjMinimum),
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      SecurityOpt: ['no-new-privileges'],
    },
  }
}

const propagationOption = { private: '', hostToContainer: 'rslave', bidirectional: 'rshared' } as const

/** `source:target[:options]`; the separator cannot be escaped, so such paths are refused where volumes are made. */
const bind = ({ hostPath, containerPath, readOnly, propagation }: Mount): string => {
  const options = [readOnly ? 'ro' : '', propagationOption[propagation]].filter((option) => option !== '')
  return [hostPath, containerPath, ...(options.length === 0 ? [] : [options.join(',')])].join(':')
}

const securityOptions = (security: SecurityConfig, facts: EngineFacts): string[] => {
  const options: string[] = []
  if (security.noNewPrivileges) options.push('no-new-privileges')
  if (security.seccomp.type === 'unconfined' || security.privileged) options.push('seccomp=unconfined')
  const appArmor = security.privileged ? 'unconfined' : security.appArmor
  if (facts.appArmor && appArmor !== '') options.push(`apparmor=${appArmor}`)
  return options
}

/** Cgroup settings in Docker's words. Swap is never more than memory: Kubernetes has none by default. */
export const resourceBody = (resources: CgroupSettings): HostConfig => ({
  CpuShares: resources.cpuShares,
  CpuPeriod: resources.cpuQuota === 0 ? 0 : resources.cpuPeriod,
  CpuQuota: resources.cpuQuota,
  Memory: resources.memoryLimitBytes,
  MemorySwap: resources.memoryLimitBytes,
})

/** Docker's Privileged, or what comes nearest to it on an engine that lacks a capability. */
const privilege = (security: SecurityConfig, { unavailableCapabilities }: EngineFacts): HostConfig => {
  if (!security.privileged) return { CapAdd: [...security.addCapabilities], CapDrop: [...security.dropCapabilities] }
  if (unavailableCapabilities.length === 0) return { Privileged: true }
  return {
    CapAdd: ['ALL'],
    CapDrop: [...unavailableCapabilities],
    DeviceCgroupRules: ['a *:* rwm'],
    Devices: [{ PathOnHost: '/dev', PathInContainer: '/dev', CgroupPermissions: 'rwm' }],
  }
}

const pidMode = (config: ContainerConfig, sandbox: PodSandboxStatus): string => {
  if (typeof config.pid === 'object') return `container:${config.pid.target}`
  if (config.pid === 'node') return 'host'
  return config.pid === 'pod' ? `container:${sandbox.id}` : ''
}

/** One container of a Pod, joined to its sandbox's network, IPC and (if shared) processes. */
export const containerBody = (
  sandbox: PodSandboxStatus,
  config: ContainerConfig,
  facts: EngineFacts & {
    readonly cgroupParent: string
    readonly sandboxIpcMode: string
    readonly seccompProfile: string
    readonly user: EngineUser
  },
): ContainerCreateOptions => {
  const { security } = config
  const securityOpt = securityOptions(security, facts)
  if (facts.seccompProfile !== '') securityOpt.push(`seccomp=${facts.seccompProfile}`)
  return {
    name: dockerName(config.name, sandbox.metadata, config.attempt),
    Image: config.image,
    // An empty list keeps the image's own; a command alone drops the image's CMD, as Kubernetes wants it.
    ...(config.command.length === 0 ? {} : { Entrypoint: [...config.command] }),
    ...(config.args.length === 0 ? {} : { Cmd: [...config.args] }),
    Env: config.env.map(({ name, value }) => `${name}=${value}`),
    ...(config.workingDir === '' ? {} : { WorkingDir: config.workingDir }),
    ...(facts.user.user === '' ? {} : { User: facts.user.user }),
    ...(config.stopSignal === '' ? {} : { StopSignal: config.stopSignal }),
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Healthcheck: { Test: ['NONE'] },
    Labels: {
      ...toDockerLabels(config.labels, config.annotations),
      [containerNameLabel]: config.name,
      [typeLabel]: 'container',
      ...ownerLabels(facts),
      [sandboxIdLabel]: sandbox.id,
      [logPathLabel]: join(sandbox.labels[logDirectoryLabel] ?? '', config.logPath),
    },
    HostConfig: {
      NetworkMode: `container:${sandbox.id}`,
      IpcMode: facts.sandboxIpcMode === 'host' ? 'host' : `container:${sandbox.id}`,
      PidMode: pidMode(config, sandbox),
      ...(facts.cgroupParent === '' ? {} : { CgroupParent: facts.cgroupParent }),
      ...runtimeOf(sandbox.labels[runtimeHandlerLabel] ?? ''),
      CgroupnsMode: 'private',
      Binds: config.mounts.map(bind),
      ...resourceBody(config.resources),
      OomScoreAdj: Math.max(facts.oomScoreAdjMinimum, config.resources.oomScoreAdj),
      ReadonlyRootfs: security.readOnlyRootFilesystem,
      Devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: hostPath,
        PathInContainer: containerPath,
        CgroupPermissions: permissions,
      })),
      ...privilege(security, facts),
      GroupAdd: facts.user.groups.map(String),
      SecurityOpt: securityOpt,
      MaskedPaths: [...security.maskedPaths],
      ReadonlyPaths: [...security.readonlyPaths],
      LogConfig: logConfig(facts),
      RestartPolicy: { Name: 'no' },
    } as HostConfig,
  }
}
