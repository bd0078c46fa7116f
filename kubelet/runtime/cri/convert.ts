/** Pure: from the kubelet's configurations to CRI's messages. */
import type {
  CgroupSettings,
  ContainerConfig,
  LinuxResources,
  Mount,
  NamespaceMode,
  PodSandboxConfig,
  SecurityConfig,
} from '../runtime-service.ts'
import { type LinuxContainerResourcesInit, type NamespaceOptionInit, signalNumber } from './common-messages.ts'
import type { ContainerConfigInit, LinuxContainerSecurityContextInit } from './container-messages.ts'
import type { PodSandboxConfigInit } from './sandbox-messages.ts'

const modes = { container: 'CONTAINER', pod: 'POD', node: 'NODE' } as const satisfies Record<NamespaceMode, string>

const namespacesOf = (
  { network, ipc }: Pick<PodSandboxConfig, 'network' | 'ipc'>,
  pid: ContainerConfig['pid'],
): NamespaceOptionInit => ({
  network: modes[network],
  ipc: modes[ipc],
  ...(typeof pid === 'object' ? { pid: 'TARGET', targetId: pid.target } : { pid: modes[pid] }),
})

export const sandboxMessage = (config: PodSandboxConfig): PodSandboxConfigInit => ({
  metadata: config.metadata,
  // A Pod in the node's network has the node's name.
  hostname: config.network === 'node' ? '' : config.hostname,
  logDirectory: config.logDirectory,
  portMappings: config.portMappings.map(({ protocol, containerPort, hostPort, hostIP }) => ({
    protocol,
    containerPort,
    hostPort,
    hostIp: hostIP,
  })),
  labels: config.labels,
  annotations: config.annotations,
  linux: {
    cgroupParent: config.cgroupParent,
    sysctls: config.sysctls,
    securityContext: {
      namespaceOptions: namespacesOf(config, config.pid),
      privileged: config.privileged,
      seccomp: { profileType: 'RuntimeDefault' },
    },
  },
})

/** Without an OOM score it is the present one that stays. */
export const resourcesMessage = (
  resources: CgroupSettings & Partial<Pick<LinuxResources, 'oomScoreAdj'>>,
): LinuxContainerResourcesInit => ({
  cpuShares: resources.cpuShares,
  cpuQuota: resources.cpuQuota,
  cpuPeriod: resources.cpuPeriod,
  memoryLimitInBytes: resources.memoryLimitBytes,
  oomScoreAdj: resources.oomScoreAdj,
})

const mountMessage = (mount: Mount): NonNullable<ContainerConfigInit['mounts']>[number] => ({
  containerPath: mount.containerPath,
  hostPath: mount.hostPath,
  readonly: mount.readOnly,
  recursiveReadOnly: mount.recursiveReadOnly,
  propagation: mount.propagation,
  ...(mount.image === undefined ? {} : { image: { image: mount.image.id }, imageSubPath: mount.image.subPath }),
})

/** `uid`, `uid:gid`, `name:gid`, or '' for the image's. */
const userFields = (user: string): LinuxContainerSecurityContextInit => {
  const [name = '', group] = user.split(':')
  return {
    ...(name === '' ? {} : /^\d+$/.test(name) ? { runAsUser: { value: Number(name) } } : { runAsUsername: name }),
    ...(group === undefined ? {} : { runAsGroup: { value: Number(group) } }),
  }
}

const seccompFields = ({ seccomp }: SecurityConfig): LinuxContainerSecurityContextInit => {
  switch (seccomp.type) {
    case 'default':
      return { seccomp: { profileType: 'RuntimeDefault' } }
    case 'unconfined':
      return { seccomp: { profileType: 'Unconfined' } }
    case 'localhost':
      return { seccomp: { profileType: 'Localhost', localhostRef: seccomp.path } }
  }
}

const appArmorFields = ({ appArmor }: SecurityConfig): LinuxContainerSecurityContextInit => {
  if (appArmor === '') return {}
  if (appArmor === 'unconfined') {
    return { apparmor: { profileType: 'Unconfined' }, apparmorProfile: 'unconfined' }
  }
  return {
    apparmor: { profileType: 'Localhost', localhostRef: appArmor },
    apparmorProfile: `localhost/${appArmor}`,
  }
}

const securityMessage = (config: ContainerConfig, sandbox: PodSandboxConfig): LinuxContainerSecurityContextInit => {
  const { security } = config
  return {
    capabilities: { addCapabilities: security.addCapabilities, dropCapabilities: security.dropCapabilities },
    privileged: security.privileged,
    namespaceOptions: namespacesOf(sandbox, config.pid),
    ...userFields(security.user),
    readonlyRootfs: security.readOnlyRootFilesystem,
    supplementalGroups: security.supplementalGroups,
    supplementalGroupsPolicy: security.supplementalGroupsPolicy,
    noNewPrivs: security.noNewPrivileges,
    maskedPaths: security.maskedPaths,
    readonlyPaths: security.readonlyPaths,
    ...seccompFields(security),
    ...appArmorFields(security),
  }
}

export const containerMessage = (config: ContainerConfig, sandbox: PodSandboxConfig): ContainerConfigInit => ({
  metadata: { name: config.name, attempt: config.attempt },
  image: { image: config.image, userSpecifiedImage: config.imageName },
  command: config.command,
  args: config.args,
  workingDir: config.workingDir,
  envs: config.env.map(({ name, value }) => ({ key: name, value })),
  mounts: config.mounts.map(mountMessage),
  devices: config.devices,
  cdiDevices: config.cdiDevices.map((name) => ({ name })),
  labels: config.labels,
  annotations: config.annotations,
  logPath: config.logPath,
  stdin: config.stdin,
  stdinOnce: config.stdinOnce,
  tty: config.tty,
  linux: { resources: resourcesMessage(config.resources), securityContext: securityMessage(config, sandbox) },
  stopSignal: signalNumber(config.stopSignal),
})
