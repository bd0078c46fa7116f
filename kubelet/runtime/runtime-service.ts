/**
 * What the kubelet asks of a container engine, in CRI's vocabulary (runtime.v1.RuntimeService).
 * docker/ implements it on a Docker engine, cri/ on every CRI socket; the kubelet's managers know only this file.
 */
import type { Duplex, Readable } from 'node:stream'

export type SandboxState = 'ready' | 'notReady'
export type ContainerState = 'created' | 'running' | 'exited' | 'unknown'
/** Who shares a Linux namespace: one container, the Pod, or the node. */
export type NamespaceMode = 'container' | 'pod' | 'node'

/** Identity of a sandbox; `attempt` counts sandboxes of one Pod. */
export interface SandboxMetadata {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly attempt: number
}

export interface DnsConfig {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly containerPort: number
  readonly hostPort: number
  readonly hostIP: string
}

export interface PodSandboxConfig {
  readonly metadata: SandboxMetadata
  readonly hostname: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Cgroup path of the Pod, or '' for the engine's own place. */
  readonly cgroupParent: string
  readonly network: 'pod' | 'node'
  readonly pid: NamespaceMode
  readonly ipc: 'pod' | 'node'
  readonly sysctls: Readonly<Record<string, string>>
  readonly portMappings: readonly PortMapping[]
  readonly privileged: boolean
  /** Folder of the Pod's logs on the node. */
  readonly logDirectory: string
  /** RuntimeClass.handler; '' is the runtime's default. */
  readonly runtimeHandler: string
}

export interface PodSandboxStatus {
  readonly id: string
  readonly metadata: SandboxMetadata
  readonly state: SandboxState
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Addresses of the Pod's own network; empty for a Pod in the node's network. */
  readonly ips: readonly string[]
  readonly network: 'pod' | 'node'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Mount {
  readonly containerPath: string
  readonly hostPath: string
  /** Instead of hostPath: a folder of an image. */
  readonly image?: { readonly id: string; readonly subPath: string }
  readonly readOnly: boolean
  /** Mounts below it are read-only, too. Only where the runtime's features say so. */
  readonly recursiveReadOnly: boolean
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional'
}

/** What a resize can change while a container runs. */
export interface CgroupSettings {
  /** Relative weight; 1024 is one CPU. */
  readonly cpuShares: number
  /** Microseconds in each period; 0 is no limit. */
  readonly cpuQuota: number
  readonly cpuPeriod: number
  /** 0 is no limit. */
  readonly memoryLimitBytes: number
}

export interface LinuxResources extends CgroupSettings {
  readonly oomScoreAdj: number
}

export interface SecurityConfig {
  readonly privileged: boolean
  readonly readOnlyRootFilesystem: boolean
  readonly noNewPrivileges: boolean
  /** `uid`, `uid:gid` or '' for the image's user. */
  readonly user: string
  readonly supplementalGroups: readonly number[]
  /** Merge adds the groups that the image says the user is in, Strict does not. */
  readonly supplementalGroupsPolicy: 'Merge' | 'Strict'
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly seccomp: { readonly type: 'default' | 'unconfined' } | { readonly type: 'localhost'; readonly path: string }
  readonly appArmor: string
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
}

export interface ContainerConfig {
  readonly name: string
  readonly attempt: number
  /** Image reference as the engine knows it: its ID. */
  readonly image: string
  /** Image as the Pod names it. */
  readonly imageName: string
  /** Of the log, below the sandbox's logDirectory. */
  readonly logPath: string
  /** Empty: the image's ENTRYPOINT. */
  readonly command: readonly string[]
  /** Empty: the image's CMD, unless `command` is set. */
  readonly args: readonly string[]
  readonly workingDir: string
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly permissions: string
  }[]
  /** Qualified names of devices of the Container Device Interface. */
  readonly cdiDevices: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly tty: boolean
  readonly stopSignal: string
  readonly resources: LinuxResources
  readonly security: SecurityConfig
  /** Whose PID namespace: its own, the sandbox's, the node's, or another container's ID. */
  readonly pid: NamespaceMode | { readonly target: string }
}

/** A container as a list shows it. */
export interface ContainerSummary {
  readonly id: string
  readonly sandboxId: string
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly state: ContainerState
  /** ID of its image. */
  readonly imageRef: string
  readonly createdAt: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface ContainerStatus extends ContainerSummary {
  /** 0 when it never started. */
  readonly startedAt: number
  /** 0 while it runs. */
  readonly finishedAt: number
  readonly exitCode: number
  /** Image as the Pod named it. */
  readonly image: string
  /** Image ID as Pod status shows it. */
  readonly imageId: string
  /** 'OOMKilled', 'Completed', 'Error', 'ContainerCannotRun' or ''. */
  readonly reason: string
  readonly message: string
  /** As they are now; undefined where the engine does not tell. */
  readonly resources: CgroupSettings | undefined
  /** Of the log in CRI's format, on the node; '' when there is none. */
  readonly logPath: string
  readonly user:
    | { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] }
    | undefined
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

export interface ExecOptions {
  readonly command: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
}

/** A process's three pipes. With a TTY everything comes on stdout. */
export interface StreamSession {
  readonly stdin: Duplex | undefined
  readonly stdout: Readable
  readonly stderr: Readable | undefined
  /** Sends end-of-file to the process and keeps its output. */
  closeStdin(): void
  resize(size: { readonly width: number; readonly height: number }): Promise<void>
  /** Exit code of the process (exec) or of the container (attach). */
  wait(): Promise<number>
  /** Cuts the session; the process lives on. */
  destroy(): void
}

export interface LogOptions {
  readonly follow: boolean
  readonly timestamps: boolean
  /** Milliseconds since the epoch; 0 is from the start. */
  readonly sinceMs: number
  /** Undefined is all. */
  readonly tailLines: number | undefined
  readonly stdout: boolean
  readonly stderr: boolean
}

/** A piece of a container's output. */
export interface LogChunk {
  readonly stderr: boolean
  readonly data: Buffer
}

/** Resource use of one container. */
export interface ContainerStats {
  readonly id: string
  readonly podUid: string
  readonly name: string
  readonly timestamp: number
  /** Cumulative nanoseconds of CPU. */
  readonly cpuUsageNanoSeconds: number
  readonly memoryUsageBytes: number
  readonly memoryWorkingSetBytes: number
}

interface DiskUsage {
  readonly usedBytes: number
  readonly inodesUsed: number
}

/** What a container has on the disk: its own layer, and its logs. */
export interface ContainerDiskUsage {
  readonly rootfs: DiskUsage
  readonly logs: DiskUsage
}

/** Something happened to a container or sandbox of this node. */
export interface RuntimeEvent {
  readonly type: 'created' | 'started' | 'stopped' | 'deleted'
  readonly podUid: string
  readonly containerId: string
}

export interface RuntimeVersion {
  /** 'docker', 'containerd', 'cri-o': what containerID and containerRuntimeVersion begin with. */
  readonly name: string
  readonly version: string
}

/** One way to run Pods, as RuntimeClass.handler names it. */
export interface RuntimeHandler {
  /** '' is the default. */
  readonly name: string
  readonly recursiveReadOnlyMounts: boolean
  readonly userNamespaces: boolean
}

/** What not every engine can; Node status tells of it. Of handlers, what the default one can. */
export interface RuntimeFeatures {
  readonly handlers: readonly RuntimeHandler[]
  readonly userNamespaces: boolean
  readonly recursiveReadOnlyMounts: boolean
  readonly supplementalGroupsPolicy: boolean
}

export interface RuntimeService {
  readonly features: RuntimeFeatures
  version(): Promise<RuntimeVersion>
  /** Reasons why Pods cannot run, empty when all is well. */
  status(): Promise<{ readonly runtimeReady: string; readonly networkReady: string }>

  runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus>
  /** Stops it and takes its network down; idempotent. */
  stopPodSandbox(id: string): Promise<void>
  removePodSandbox(id: string): Promise<void>
  podSandboxStatus(id: string): Promise<PodSandboxStatus | undefined>
  /** All of this node, or of one Pod; newest first. */
  listPodSandboxes(podUid?: string): Promise<readonly PodSandboxStatus[]>

  /** `sandboxConfig` is what the sandbox was made of. */
  createContainer(sandbox: PodSandboxStatus, config: ContainerConfig, sandboxConfig: PodSandboxConfig): Promise<string>
  startContainer(id: string): Promise<void>
  /** SIGTERM (or the stop signal), then SIGKILL after the grace period; an aborted signal stops the waiting only. */
  stopContainer(id: string, graceMs: number, signal?: AbortSignal): Promise<void>
  removeContainer(id: string): Promise<void>
  containerStatus(id: string): Promise<ContainerStatus | undefined>
  /** All of this node, or of one Pod; newest first. */
  listContainers(podUid?: string): Promise<readonly ContainerSummary[]>
  /** Rejects where the container cannot have them, for example memory below what it uses. */
  updateContainerResources(id: string, resources: CgroupSettings): Promise<void>
  /** The log file was renamed: output goes to a new one. */
  reopenContainerLog(id: string): Promise<void>
  /** Writes an archive of the running container to the path; rejects with UnsupportedError where it cannot. */
  checkpointContainer(id: string, location: string): Promise<void>
  /** Tells a runtime with a network of its own which addresses the node's Pods have. */
  updatePodCidr(podCidr: string): Promise<void>

  /** Runs a command to its end; rejects with TimeoutError after timeoutMs (0: never). */
  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  exec(id: string, options: ExecOptions): Promise<StreamSession>
  attach(id: string, options: { readonly stdin: boolean; readonly tty: boolean }): Promise<StreamSession>
  /** Opens a TCP connection inside the sandbox's network namespace. */
  portForward(sandboxId: string, port: number): Promise<Duplex>
  /** In the order in which it was written; with a TTY all is stdout. Ends with the container when following. */
  containerLogs(id: string, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<LogChunk>>
  /** Measured when it is asked for, which is work; absent where the runtime does not tell. */
  containerDiskUsage?(id: string): Promise<ContainerDiskUsage | undefined>
  containerStats(podUid?: string): Promise<readonly ContainerStats[]>
  /** Events until the signal aborts; ends when the engine's stream breaks, and the caller relists. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>
}

export interface Image {
  readonly id: string
  readonly repoTags: readonly string[]
  readonly repoDigests: readonly string[]
  readonly sizeBytes: number
  /** User the image names; '' is root. */
  readonly user: string
  /** The runtime itself needs it: never collected. */
  readonly pinned: boolean
}

export interface RegistryAuth {
  readonly username: string
  readonly password: string
  readonly serverAddress: string
}

export interface ImageService {
  listImages(): Promise<readonly Image[]>
  /** Undefined when the engine does not have it. */
  imageStatus(reference: string): Promise<Image | undefined>
  /** Returns the image's ID. */
  pullImage(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<string>
  removeImage(reference: string): Promise<void>
  /** Writes the files of an image into a folder; undefined where the runtime mounts images itself (Mount.image). */
  readonly extractImage: ((id: string, folder: string) => Promise<void>) | undefined
  /** A folder on the file system that images are kept on. */
  imageFolder(): Promise<string>
}

/** A command or hook took longer than it may. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** The container runtime has no such function. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError'
}
