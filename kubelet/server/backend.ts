/**
 * What the kubelet's HTTPS API needs of the kubelet. The server does HTTP, streams, texts of errors and exit codes;
 * the backend knows Pods and containers. Errors thrown here reach the client as text with their message.
 */
import type { Duplex, Readable, Writable } from 'node:stream'
import type { Pod } from '../../api/types.ts'

export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** PodLogOptions without limitBytes, which the server applies itself. */
export interface ContainerLogOptions {
  readonly follow: boolean
  readonly timestamps: boolean
  /** Milliseconds since the epoch; 0 is from the start. */
  readonly sinceMs: number
  /** Undefined is all. */
  readonly tailLines: number | undefined
  readonly stdout: boolean
  readonly stderr: boolean
}

/** The client's ends of a process's pipes. What the client did not ask for is undefined. */
export interface ProcessStreams {
  readonly tty: boolean
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  /** Never there with a TTY. */
  readonly stderr: Writable | undefined
  /** Sizes of the client's terminal, the first one soon after the start; never yields without a TTY. */
  readonly resize: AsyncIterable<TerminalSize>
}

/** A container that runs, as exec and attach address it. */
export interface RunningContainer {
  readonly pod: Pod
  readonly name: string
  /** ID in the runtime. */
  readonly id: string
}

export interface KubeletServerBackend {
  /** KubeletConfiguration.enableDebuggingHandlers: without it logs, exec and their like are answered with 405. */
  readonly debuggingHandlers: boolean
  /** KubeletConfiguration.enableSystemLogHandler: /logs shows /var/log. */
  readonly servesNodeLogs: boolean
  /** Pods bound to this node, with the status as the kubelet knows it now (newer than the API server's). */
  getPods(): readonly Pod[]
  getPod(namespace: string, name: string): Pod | undefined
  /** Pods that have running containers, for /runningpods/: name, namespace, uid and containers with their images. */
  runningPods(): Promise<readonly Pod[]>
  /** Runtime ID of a container (also init and ephemeral) that is running; undefined: there is none. */
  findRunningContainer(pod: Pod, containerName: string): Promise<string | undefined>
  /**
   * Log lines of one container in order, stdout and stderr merged, each with a leading RFC3339Nano time if asked.
   * `containerId` comes from the Pod's status (without the `docker://`). Ends with the container when following.
   */
  containerLogs(
    pod: Pod,
    containerId: string,
    options: ContainerLogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>
  /**
   * Runs a command and resolves with its exit code when it has ended and all output is written to the streams.
   * The backend neither ends nor destroys `stdout` and `stderr`. The signal aborts when the client has gone.
   */
  exec(
    container: RunningContainer,
    command: readonly string[],
    streams: ProcessStreams,
    signal: AbortSignal,
  ): Promise<number>
  /** Joins the container's main process; resolves when that ends or the client has gone. */
  attach(container: RunningContainer, streams: ProcessStreams, signal: AbortSignal): Promise<void>
  /** Writes an archive of a container that runs; resolves with its path on the node. */
  checkpoint(container: RunningContainer): Promise<string>
  /** Opens a TCP connection to localhost:port inside the Pod's network. */
  dialPod(pod: Pod, port: number): Promise<Duplex>
  /** Body of /stats/summary. Upstream: stats/v1alpha1.Summary. */
  statsSummary(): Promise<unknown>
  /** Prometheus text of /metrics, and of /metrics/resource, /metrics/cadvisor, /metrics/probes; undefined: 404. */
  metrics(path: string): Promise<string | undefined>
  /** Body of /configz. */
  configz(): unknown
  /** Checks of /healthz besides `ping`, by name (upstream: `log`, `syncloop`); a throw is unhealthy. */
  readonly healthChecks: Readonly<Record<string, () => void | Promise<void>>>
}
