/** Pods as the kubelet's API lists and finds them. */
import type { Pod } from '../../api/types.ts'
import type { KubeletServerBackend, RunningContainer } from './backend.ts'
import { HttpError } from './http.ts'

export const podList = (items: readonly Pod[]): unknown => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items })

/** What the spec says about a container: ordinary, init or ephemeral. */
export const containerSpec = (pod: Pod, name: string): { readonly name: string; readonly tty?: boolean } | undefined =>
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []), ...(pod.spec?.ephemeralContainers ?? [])].find(
    (container) => container.name === name,
  )

/** A path names a Pod by namespace and name, and may add the uid. Throws HttpError (404). */
export const findPod = (backend: KubeletServerBackend, namespace: string, name: string, uid?: string): Pod => {
  const pod = backend.getPod(namespace, name)
  if (pod === undefined || (uid !== undefined && pod.metadata?.uid !== uid)) {
    throw new HttpError(404, 'pod does not exist')
  }
  return pod
}

/**
 * The container of `/exec/{namespace}/{pod}/{container}` or `/exec/{namespace}/{pod}/{uid}/{container}`.
 * Throws HttpError with upstream's texts.
 */
export const findContainer = async (
  backend: KubeletServerBackend,
  segments: readonly string[],
): Promise<RunningContainer> => {
  const [, namespace = '', podName = '', ...rest] = segments
  const [uid, name] = rest.length === 2 ? rest : [undefined, rest[0]]
  if (name === undefined || rest.length > 2) throw new HttpError(404, '404 page not found\n')
  const pod = findPod(backend, namespace, podName, uid)
  const id = await backend.findRunningContainer(pod, name)
  if (id === undefined) throw new HttpError(500, `container not found (${JSON.stringify(name)})`)
  return { pod, name, id }
}
