/** postStart and preStop. Upstream: pkg/kubelet/lifecycle/handlers.go. */
import { connect } from 'node:net'
import { sleep } from '../../component-base/clock.ts'
import type { Container } from '../../api/types.ts'
import type { RuntimeService } from '../runtime/runtime-service.ts'
import { httpGet, resolvePort } from './http-action.ts'

export type LifecycleHandler = NonNullable<NonNullable<Container['lifecycle']>['postStart']>

export interface HookTarget {
  readonly containerId: string
  readonly container: Container
  readonly podIP: string
}

/** Runs the hook to its end; throws when it fails. `signal` ends the waiting. */
export const runHook = async (
  runtime: RuntimeService,
  handler: LifecycleHandler,
  target: HookTarget,
  signal: AbortSignal,
): Promise<void> => {
  if (handler.exec !== undefined) {
    const command = handler.exec.command ?? []
    const { exitCode, stdout, stderr } = await runtime.execSync(target.containerId, command, 0)
    if (exitCode !== 0) {
      const message = Buffer.concat([stdout, stderr]).toString().trim()
      throw new Error(`command '${command.join(' ')}' exited with ${exitCode}: ${message}`)
    }
  } else if (handler.httpGet !== undefined) {
    await httpGet(handler.httpGet, {
      container: target.container,
      podIP: target.podIP,
      userAgent: 'kube-lifecycle/1.36',
      timeoutMs: 3600_000,
    })
  } else if (handler.sleep !== undefined) {
    await sleep(handler.sleep.seconds * 1000, signal)
  } else if (handler.tcpSocket !== undefined) {
    const { host, port } = handler.tcpSocket
    await new Promise<void>((resolve, reject) => {
      const socket = connect(
        resolvePort(port, target.container),
        host === undefined || host === '' ? target.podIP : host,
      )
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.destroy()
        resolve()
      })
    })
  }
}
