/** From a container of a Pod to what the runtime creates. Upstream: generateContainerConfig. */
import type { Container } from '../../api/types.ts'
import { containerLogPath, podLogDirectory } from '../logs/paths.ts'
import type { KubeletPaths } from '../paths.ts'
import type { ContainerDevices } from '../deviceplugin/device-manager.ts'
import { type BoundPod, hostnameOf, isHostNetwork, type PodContainer } from '../pod.ts'
import {
  containerHashAnnotation,
  containerNameLabel,
  containerTypeAnnotation,
  imageNameAnnotation,
  podGracePeriodAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podUidLabel,
  preStopAnnotation,
  restartCountAnnotation,
  terminationMessageFileAnnotation,
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from '../runtime/labels.ts'
import type { ContainerConfig, NamespaceMode, PodSandboxConfig, RuntimeFeatures } from '../runtime/runtime-service.ts'
import { containerHash } from '../sync/container-hash.ts'
import type { MountedVolume } from '../volumes/mounted-volume.ts'
import type { DnsSettings } from './dns.ts'
import { makeEnvironment } from './environment.ts'
import { expand } from './expansion.ts'
import { defaultTerminationMessagePath, makeBlockDevices, makeMounts } from './mounts.ts'
import { ConfigError, type ObjectSource } from './objects.ts'
import type { ProcMount } from './proc-mount.ts'
import { containerResources } from './resources.ts'
import { securityConfig } from './security.ts'

/** What every container of this node needs to know of it. */
export interface NodeFacts {
  readonly paths: KubeletPaths
  readonly dns: DnsSettings
  readonly objects: ObjectSource
  readonly hostIPs: readonly string[]
  readonly memoryCapacityBytes: number
  /** Of the Pod, as the engine is told; '' for its own place. */
  readonly cgroupParent: (pod: BoundPod) => string
  /** KubeletConfiguration.podLogsDir. */
  readonly podLogsDir: string
  readonly seccompRoot: string
  readonly seccompDefault: boolean
  readonly procMount: ProcMount
  readonly features: RuntimeFeatures
  /** Devices that the container gets by its resource claims. Throws while they are not prepared. */
  readonly cdiDevices: (pod: BoundPod, container: Container) => readonly string[]
  /** What device plugins have given to the container. */
  readonly devices: (podUid: string, container: string) => ContainerDevices
}

export interface ContainerConfigRequest {
  readonly pod: BoundPod
  readonly entry: PodContainer
  readonly attempt: number
  readonly image: { readonly id: string; readonly user: string }
  readonly podIPs: readonly string[]
  readonly volumes: ReadonlyMap<string, MountedVolume>
  /** Containers of the Pod that run, for an ephemeral container's target. */
  readonly runningContainer: (name: string) => string | undefined
}

const podLabels = ({ metadata }: BoundPod): Record<string, string> => ({
  [podNameLabel]: metadata.name,
  [podNamespaceLabel]: metadata.namespace,
  [podUidLabel]: metadata.uid,
})

const pidNamespace = ({ spec }: BoundPod): NamespaceMode => {
  if (spec.hostPID === true) return 'node'
  return spec.shareProcessNamespace === true ? 'pod' : 'container'
}

const containerPid = ({ pod, entry, runningContainer }: ContainerConfigRequest): ContainerConfig['pid'] => {
  const target = pod.spec.ephemeralContainers?.find(({ name }) => name === entry.container.name)?.targetContainerName
  if (entry.type !== 'ephemeral' || target === undefined || target === '') return pidNamespace(pod)
  const id = runningContainer(target)
  if (id === undefined) throw new ConfigError(`unable to find target container ${target}`)
  return { target: id }
}

/** Lifecycle and identity that a new kubelet, or one without the Pod's spec, needs to stop the container well. */
const annotationsOf = (
  { pod, entry, attempt }: ContainerConfigRequest,
  terminationMessageFile: string,
): Record<string, string> => {
  const { container, type } = entry
  const preStop = container.lifecycle?.preStop
  return {
    [containerHashAnnotation]: containerHash(container),
    [containerTypeAnnotation]: type,
    [imageNameAnnotation]: container.image ?? '',
    [restartCountAnnotation]: String(attempt),
    [terminationMessagePathAnnotation]: container.terminationMessagePath ?? defaultTerminationMessagePath,
    [terminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
    [terminationMessageFileAnnotation]: terminationMessageFile,
    [podGracePeriodAnnotation]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
    ...(preStop === undefined ? {} : { [preStopAnnotation]: JSON.stringify(preStop) }),
  }
}

const expandAll = (texts: readonly string[] | undefined, env: ReadonlyMap<string, string>): string[] =>
  (texts ?? []).map((text) => expand(text, (name) => env.get(name)))

const stopSignalOf = (container: Container): string =>
  (container.lifecycle as { stopSignal?: string } | undefined)?.stopSignal ?? ''

/** Rejects with ConfigError (CreateContainerConfigError) where something that the container names is missing. */
export const makeContainerConfig = async (
  request: ContainerConfigRequest,
  facts: NodeFacts,
): Promise<ContainerConfig> => {
  const { pod, entry, attempt, image, podIPs, volumes } = request
  const { container } = entry
  const addresses = { podIPs: isHostNetwork(pod) ? facts.hostIPs : podIPs, hostIPs: facts.hostIPs }
  const security = securityConfig({ pod, container, imageUser: image.user, ...facts })
  const env = await makeEnvironment({ pod, container, addresses, objects: facts.objects })
  const { mounts, terminationMessageFile } = await makeMounts({
    pod,
    container,
    volumes,
    env,
    podIPs,
    paths: facts.paths,
    dns: facts.dns,
    features: facts.features,
  })
  const values = new Map(env.map(({ name, value }) => [name, value]))
  const given = facts.devices(pod.metadata.uid, container.name)
  return {
    name: container.name,
    attempt,
    image: image.id,
    imageName: container.image ?? '',
    logPath: containerLogPath(container.name, attempt),
    command: expandAll(container.command, values),
    args: expandAll(container.args, values),
    workingDir: container.workingDir ?? '',
    // The Pod's own variables win.
    env: [...given.env.filter(({ name }) => !values.has(name)), ...env],
    mounts: [...mounts, ...given.mounts],
    devices: [...makeBlockDevices(container, volumes), ...given.devices],
    cdiDevices: [...facts.cdiDevices(pod, container), ...given.cdiDevices],
    labels: { ...podLabels(pod), [containerNameLabel]: container.name },
    annotations: { ...given.annotations, ...annotationsOf(request, terminationMessageFile) },
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    stopSignal: stopSignalOf(container),
    resources: containerResources(pod, container, facts.memoryCapacityBytes),
    security,
    pid: containerPid(request),
  }
}

const protocolOf = (protocol: string | undefined): 'TCP' | 'UDP' | 'SCTP' =>
  protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP'

/** The sandbox of a Pod. Throws ConfigError where it asks for what the engine cannot. */
export const makeSandboxConfig = (
  pod: BoundPod,
  attempt: number,
  facts: NodeFacts,
  runtimeHandler: string,
): PodSandboxConfig => {
  const { spec, metadata } = pod
  if (spec.hostUsers === false && !facts.features.userNamespaces) {
    throw new ConfigError("can't set `spec.hostUsers: false`, runtime does not support user namespaces")
  }
  const { hostname, domain } = hostnameOf(pod, facts.dns.clusterDomain)
  const ports = [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ ports: declared = [] }) => declared)
  return {
    metadata: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid, attempt },
    hostname: spec.setHostnameAsFQDN === true && domain !== '' ? `${hostname}.${domain}` : hostname,
    labels: podLabels(pod),
    annotations: { [podGracePeriodAnnotation]: String(spec.terminationGracePeriodSeconds ?? 30) },
    cgroupParent: facts.cgroupParent(pod),
    network: isHostNetwork(pod) ? 'node' : 'pod',
    pid: pidNamespace(pod),
    ipc: spec.hostIPC === true ? 'node' : 'pod',
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    portMappings: isHostNetwork(pod)
      ? []
      : ports.flatMap(({ hostPort, containerPort, protocol, hostIP }) =>
          hostPort === undefined || hostPort === 0
            ? []
            : [{ hostPort, containerPort, protocol: protocolOf(protocol), hostIP: hostIP ?? '' }],
        ),
    privileged: [...spec.containers, ...(spec.initContainers ?? [])].some(
      ({ securityContext }) => securityContext?.privileged === true,
    ),
    logDirectory: podLogDirectory(facts.podLogsDir, metadata),
    runtimeHandler,
  }
}
