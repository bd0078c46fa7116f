/** One execution of a probe. Upstream: pkg/kubelet/prober/prober.go, pkg/probe. */
import { connect } from 'node:net'
import type { Container, Probe } from '../../api/types.ts'
import { httpGet, resolvePort, urlOf } from '../lifecycle/http-action.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import { grpcHealth } from './grpc-health.ts'

export type ProbeResult =
  | { readonly type: 'success' }
  | { readonly type: 'warning'; readonly output: string }
  | { readonly type: 'failure'; readonly output: string }
  /** The probe itself could not be run: counts as a failure, with other words. */
  | { readonly type: 'error'; readonly output: string }

export interface ProbeTarget {
  readonly container: Container
  readonly containerId: string
  readonly podIP: string
}

const maxOutput = 10 * 1024

const execProbe = async (
  runtime: RuntimeService,
  command: readonly string[],
  id: string,
  timeoutMs: number,
): Promise<ProbeResult> => {
  const { exitCode, stdout, stderr } = await runtime.execSync(id, command, timeoutMs)
  if (exitCode === 0) return { type: 'success' }
  return { type: 'failure', output: Buffer.concat([stdout, stderr]).subarray(0, maxOutput).toString() }
}

const httpProbe = async (
  action: NonNullable<Probe['httpGet']>,
  { container, podIP }: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> => {
  const answer = await httpGet(action, { container, podIP, userAgent: 'kube-probe/1.36', timeoutMs })
  if (answer.status >= 200 && answer.status < 300) return { type: 'success' }
  if (answer.status >= 300 && answer.status < 400) {
    return { type: 'warning', output: `Probe terminated redirects, Response body: ${answer.body}` }
  }
  return { type: 'failure', output: `HTTP probe failed with statuscode: ${answer.status}` }
}

const systemErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
}

/** Go's sentence for an error of connect(2); any other error's own message. */
const connectError = (error: unknown, address: string): string => {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const words = systemErrors[code]
  if (words !== undefined) return `dial tcp ${address}: connect: ${words}`
  return error instanceof Error ? error.message : String(error)
}

const tcpProbe = (host: string, port: number, timeoutMs: number): Promise<ProbeResult> =>
  new Promise((resolve) => {
    const address = `${host}:${port}`
    const socket = connect({ host, port })
    const done = (result: ProbeResult): void => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(timeoutMs, () => done({ type: 'failure', output: `dial tcp ${address}: i/o timeout` }))
    socket.once('connect', () => done({ type: 'success' }))
    socket.once('error', (error) => done({ type: 'failure', output: connectError(error, address) }))
  })

const dispatch = async (runtime: RuntimeService, probe: Probe, target: ProbeTarget): Promise<ProbeResult> => {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  const { podIP, container } = target
  if (probe.exec !== undefined) return execProbe(runtime, probe.exec.command ?? [], target.containerId, timeoutMs)
  if (probe.httpGet !== undefined) return httpProbe(probe.httpGet, target, timeoutMs)
  if (probe.tcpSocket !== undefined) {
    const { host, port } = probe.tcpSocket
    return tcpProbe(host === undefined || host === '' ? podIP : host, resolvePort(port, container), timeoutMs)
  }
  if (probe.grpc !== undefined) {
    const { port, service = '' } = probe.grpc
    return grpcHealth({ host: podIP, port, service, timeoutMs })
  }
  return { type: 'error', output: `missing probe handler for ${container.name}` }
}

/** Never rejects: what goes wrong is a result. */
export const runProbe = async (runtime: RuntimeService, probe: Probe, target: ProbeTarget): Promise<ProbeResult> => {
  try {
    return await dispatch(runtime, probe, target)
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { type: 'failure', output: `command timed out: ${error.message}` }
    }
    if (probe.httpGet !== undefined && URL.canParse(`http://${target.podIP}`)) {
      const url = urlOf(probe.httpGet, target.container, target.podIP)
      return { type: 'failure', output: `Get "${url.href}": ${connectError(error, url.host)}` }
    }
    return { type: 'error', output: error instanceof Error ? error.message : String(error) }
  }
}
