/** A container's mounts: its volumes, and the files that the kubelet manages. Upstream: makeMounts. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import type { Container } from '../../api/types.ts'
import type { KubeletPaths } from '../paths.ts'
import { type BoundPod, hostnameOf, isHostNetwork } from '../pod.ts'
import type { ContainerConfig, Mount, RuntimeFeatures } from '../runtime/runtime-service.ts'
import type { MountedVolume } from '../volumes/mounted-volume.ts'
import { type DnsSettings, formatResolvConf, podDns } from './dns.ts'
import { expand } from './expansion.ts'
import { nodeHostsFile, podHostsFile } from './hosts-file.ts'
import { ConfigError } from './objects.ts'
import { bindSubPath } from './sub-path.ts'

export interface MountRequest {
  readonly pod: BoundPod
  readonly container: Container
  readonly volumes: ReadonlyMap<string, MountedVolume>
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly podIPs: readonly string[]
  readonly paths: KubeletPaths
  readonly dns: DnsSettings
  readonly features: Pick<RuntimeFeatures, 'recursiveReadOnlyMounts'>
}

const propagationOf: Readonly<Record<string, Mount['propagation']>> = {
  HostToContainer: 'hostToContainer',
  Bidirectional: 'bidirectional',
}

/** Variables in subPathExpr must all be known; an unknown one is an error, not text. */
const expandSubPath = (expression: string, env: MountRequest['env']): string => {
  const values = new Map(env.map(({ name, value }) => [name, value]))
  let missing: string | undefined
  const path = expand(expression, (name) => {
    const value = values.get(name)
    if (value === undefined) missing ??= name
    return value
  })
  if (missing !== undefined) throw new ConfigError(`missing value for "${missing}"`)
  return path
}

type VolumeMount = NonNullable<Container['volumeMounts']>[number]

/** Mounts below a read-only one are read-only too only where the engine can; who must have that is refused. */
const isRecursive = ({ name, recursiveReadOnly }: VolumeMount, { features }: MountRequest): boolean => {
  if (recursiveReadOnly !== 'Enabled') return recursiveReadOnly === 'IfPossible' && features.recursiveReadOnlyMounts
  if (features.recursiveReadOnlyMounts) return true
  throw new ConfigError(
    `failed to resolve recursive read-only mode: volume ${JSON.stringify(name)} requested recursive read-only mode, but it is not supported by the runtime`,
  )
}

const volumeMount = async (mount: VolumeMount, index: number, request: MountRequest): Promise<Mount> => {
  const { pod, container, volumes, env, paths } = request
  const recursiveReadOnly = isRecursive(mount, request)
  const volume = volumes.get(mount.name)
  if (volume === undefined) throw new ConfigError(`cannot find volume "${mount.name}" to mount into container`)
  if (volume.isDevice === true) {
    throw new ConfigError(`volume ${mount.name} has volumeMode Block, but is specified in volumeMounts`)
  }
  const subPath =
    mount.subPathExpr === undefined || mount.subPathExpr === ''
      ? (mount.subPath ?? '')
      : expandSubPath(mount.subPathExpr, env)
  const containerPath = mount.mountPath.startsWith('/') ? normalize(mount.mountPath) : join('/', mount.mountPath)
  const propagation = propagationOf[mount.mountPropagation ?? ''] ?? 'private'
  if (volume.image !== undefined) {
    const image = { id: volume.image, subPath }
    return { containerPath, hostPath: '', image, readOnly: true, recursiveReadOnly, propagation }
  }
  const bound = paths.podSubPath(pod.metadata.uid, mount.name, container.name, index)
  if (subPath !== '') await bindSubPath(volume.hostPath, subPath, bound)
  return {
    containerPath,
    hostPath: subPath === '' ? volume.hostPath : bound,
    readOnly: volume.sealed !== true && (mount.readOnly === true || volume.readOnly),
    recursiveReadOnly,
    propagation,
  }
}

/** Block devices that the container gets as they are. Throws ConfigError where one is none. */
export const makeBlockDevices = (
  { volumeDevices = [] }: Container,
  volumes: ReadonlyMap<string, MountedVolume>,
): ContainerConfig['devices'][number][] =>
  volumeDevices.map(({ name, devicePath }) => {
    const volume = volumes.get(name)
    if (volume === undefined) throw new ConfigError(`cannot find volume "${name}" to map into container`)
    if (volume.isDevice !== true) {
      throw new ConfigError(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`)
    }
    return { hostPath: volume.hostPath, containerPath: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' }
  })

/** Writes only what differs: the file is mounted into running containers by its inode. */
const writeIfChanged = async (file: string, text: string): Promise<void> => {
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return
  await writeFile(file, text, { mode: 0o644 })
  await chmod(file, 0o644)
}

const managedHosts = async ({ pod, podIPs, paths, dns }: MountRequest): Promise<Mount> => {
  const hostPath = paths.etcHosts(pod.metadata.uid)
  const text = isHostNetwork(pod)
    ? nodeHostsFile(await readFile('/etc/hosts', 'utf8').catch(() => ''), pod.spec.hostAliases)
    : podHostsFile(podIPs, hostnameOf(pod, dns.clusterDomain), pod.spec.hostAliases)
  await writeIfChanged(hostPath, text)
  return { containerPath: '/etc/hosts', hostPath, readOnly: false, recursiveReadOnly: false, propagation: 'private' }
}

const managedResolvConf = async ({ pod, paths, dns }: MountRequest): Promise<Mount> => {
  const hostPath = paths.resolvConf(pod.metadata.uid)
  await writeIfChanged(hostPath, formatResolvConf(podDns(pod, dns)))
  return {
    containerPath: '/etc/resolv.conf',
    hostPath,
    readOnly: false,
    recursiveReadOnly: false,
    propagation: 'private',
  }
}

export const defaultTerminationMessagePath = '/dev/termination-log'

/** A fresh file for each start, which the container writes its last words to. */
const terminationMessage = async ({ pod, container, paths }: MountRequest): Promise<Mount | undefined> => {
  const containerPath = container.terminationMessagePath ?? defaultTerminationMessagePath
  if (containerPath === '') return undefined
  const folder = paths.podContainer(pod.metadata.uid, container.name)
  await mkdir(folder, { recursive: true })
  const hostPath = join(folder, randomBytes(4).toString('hex'))
  await writeFile(hostPath, '')
  await chmod(hostPath, 0o666)
  return { containerPath, hostPath, readOnly: false, recursiveReadOnly: false, propagation: 'private' }
}

export interface ContainerMounts {
  readonly mounts: readonly Mount[]
  /** Where the container's termination message will stand on the host; '' when it has none. */
  readonly terminationMessageFile: string
}

/** All mounts, the Pod's own before the managed ones; what the Pod mounts itself is left alone. */
export const makeMounts = async (request: MountRequest): Promise<ContainerMounts> => {
  await mkdir(request.paths.pod(request.pod.metadata.uid), { recursive: true, mode: 0o750 })
  const own = await Promise.all(
    (request.container.volumeMounts ?? []).map((mount, index) => volumeMount(mount, index, request)),
  )
  const taken = new Set(own.map(({ containerPath }) => containerPath))
  const [hosts, resolvConf, message] = await Promise.all([
    taken.has('/etc/hosts') ? undefined : managedHosts(request),
    taken.has('/etc/resolv.conf') ? undefined : managedResolvConf(request),
    terminationMessage(request),
  ])
  const managed = [hosts, resolvConf, message].filter((mount) => mount !== undefined)
  return { mounts: [...own, ...managed], terminationMessageFile: message?.hostPath ?? '' }
}
