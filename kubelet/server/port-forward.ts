/** /portForward: connections of a client, each carried to a port inside a Pod's network. */
import { type Duplex, finished } from 'node:stream'
import { acceptPortForward } from '../../component-base/streams/port-forward/accept.ts'
import type { ForwardedConnection } from '../../component-base/streams/port-forward/protocols.ts'
import type { UpgradeRequest } from '../../component-base/streams/upgrade.ts'
import type { Pod } from '../../api/types.ts'
import type { KubeletServerBackend } from './backend.ts'
import { HttpError, type KubeletRequest } from './http.ts'
import { findPod } from './pods.ts'

export const servePortForwardRequest = async (
  { segments, query }: KubeletRequest,
  upgrade: UpgradeRequest,
  backend: KubeletServerBackend,
): Promise<void> => {
  const [, namespace = '', podName = '', uid, ...rest] = segments
  if (podName === '' || rest.length > 0) throw new HttpError(404, '404 page not found\n')
  const pod = findPod(backend, namespace, podName, uid)
  await acceptPortForward(upgrade, query, {
    onConnection: (connection) => {
      void forward(backend, pod, connection)
    },
  })
}

/** Carries one connection to its end. What goes wrong is told on its error stream. */
const forward = async (
  backend: KubeletServerBackend,
  pod: Pod,
  { port, data, error }: ForwardedConnection,
): Promise<void> => {
  const fail = (cause: unknown): void => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const target = `port ${port} to pod ${pod.metadata?.name ?? ''}, uid ${pod.metadata?.uid ?? ''}`
    if (error.writable) error.end(`error forwarding ${target}: ${reason}`)
  }
  try {
    const connection = await backend.dialPod(pod, port)
    await join(data, connection)
    if (error.writable) error.end()
  } catch (cause) {
    fail(cause)
  }
  if (data.writable) data.end()
}

/**
 * Pipes both ways with half-closes, until the Pod has ended its side or either side is lost. A client that goes away
 * is an ordinary end; an error of the Pod's side rejects.
 */
const join = async (client: Duplex, pod: Duplex): Promise<void> =>
  new Promise((resolve, reject) => {
    let podError: Error | undefined
    pod.on('error', (error) => (podError ??= error))
    finished(pod, () => {
      client.unpipe(pod)
      if (podError === undefined) resolve()
      else reject(podError)
    })
    // When the Pod has said all, the client is told so at once, even if it goes on sending.
    pod.once('end', () => resolve())
    client.once('close', () => pod.destroy())
    client.pipe(pod)
    pod.pipe(client)
  })
