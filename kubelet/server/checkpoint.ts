/** POST /checkpoint/{namespace}/{pod}/{container}: an archive of a running container on the node. Upstream: Server.checkpoint. */
import type { ServerResponse } from 'node:http'
import { UnsupportedError } from '../runtime/runtime-service.ts'
import type { KubeletServerBackend } from './backend.ts'
import { HttpError, type KubeletRequest, sendJson } from './http.ts'
import { containerSpec, findContainer, findPod } from './pods.ts'

/** Answers with the archive's path; 501 where the container runtime has no such function. */
export const checkpoint = async (
  { segments }: KubeletRequest,
  response: ServerResponse,
  backend: KubeletServerBackend,
): Promise<void> => {
  const [, namespace = '', podName = '', name = '', ...rest] = segments
  if (name === '' || rest.length > 0) throw new HttpError(404, '404 page not found\n')
  if (containerSpec(findPod(backend, namespace, podName), name) === undefined)
    throw new HttpError(404, `container ${name} does not exist`)
  const container = await findContainer(backend, segments)
  try {
    sendJson(response, { items: [await backend.checkpoint(container)] })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new HttpError(
      error instanceof UnsupportedError ? 501 : 500,
      `checkpointing of ${namespace}/${podName}/${name} failed (${why})`,
    )
  }
}
