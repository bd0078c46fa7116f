/** GET /containerLogs/{namespace}/{pod}/{container}: what `kubectl logs` reads. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type PodLogOptions, parsePodLogOptions, validatePodLogOptions } from '../../api/core/pod-log-options.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ContainerLogOptions, KubeletServerBackend } from './backend.ts'
import { containerIdForLogs } from './container-log-status.ts'
import { HttpError, type KubeletRequest } from './http.ts'
import { containerSpec } from './pods.ts'

/** The first `limit` bytes of a stream. */
async function* limitBytes(chunks: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let left = limit
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
}

const backendOptions = (options: PodLogOptions, now: number): ContainerLogOptions => ({
  follow: options.follow,
  timestamps: options.timestamps,
  sinceMs:
    options.sinceSeconds !== undefined
      ? now - options.sinceSeconds * 1000
      : options.sinceTime !== undefined
        ? (parseTime(options.sinceTime) ?? 0)
        : 0,
  tailLines: options.tailLines,
  stdout: options.stream !== 'Stderr',
  stderr: options.stream !== 'Stdout',
})

export const containerLogs = async (
  { segments, query }: KubeletRequest,
  response: ServerResponse,
  { backend, clock }: { readonly backend: KubeletServerBackend; readonly clock: Clock },
): Promise<void> => {
  const [, namespace = '', podName = '', containerName = ''] = segments
  if (namespace === '' || podName === '' || containerName === '') throw new HttpError(404, '404 page not found\n')
  const options = parsePodLogOptions(query)
  if (validatePodLogOptions(options).length > 0) throw new HttpError(422, '{"message": "Invalid request."}')
  const pod = backend.getPod(namespace, podName)
  if (pod === undefined) throw new HttpError(404, `pod ${JSON.stringify(podName)} does not exist`)
  if (containerSpec(pod, containerName) === undefined) {
    throw new HttpError(404, `container ${JSON.stringify(containerName)} not found in pod ${JSON.stringify(podName)}`)
  }
  const containerId = containerIdForLogs(pod, containerName, options.previous)

  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client closed the connection')))
  const lines = await backend.containerLogs(pod, containerId, backendOptions(options, clock.now()), gone.signal)
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  // A follower of a silent container must see that it is connected.
  response.flushHeaders()
  const limited = options.limitBytes === undefined ? lines : limitBytes(lines, options.limitBytes)
  await pipeline(Readable.from(limited, { objectMode: false }), response).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error
  })
}
