/** How CRI metadata is kept in Docker's labels and names: dockershim's scheme, plus the node. */
import type { SandboxMetadata } from '../runtime-service.ts'

const nodeLabel = 'io.kubets.node'
/** The kubelet's --root-dir: tells the nodes, and the clusters, on one engine apart. */
export const rootDirLabel = 'io.kubets.root-dir'

/** Whose container it is: several kubelets may share one Docker engine. */
export interface Owner {
  readonly nodeName: string
  readonly rootDir: string
}

export const ownerLabels = ({ nodeName, rootDir }: Owner): Record<string, string> => ({
  [nodeLabel]: nodeName,
  [rootDirLabel]: rootDir,
})

/** Label filters that find this kubelet's containers and no others. */
export const ownerFilter = (owner: Owner): string[] =>
  Object.entries(ownerLabels(owner)).map(([label, value]) => `${label}=${value}`)

export const typeLabel = 'io.kubernetes.docker.type'
export const sandboxIdLabel = 'io.kubernetes.sandbox.id'
export const networkLabel = 'io.kubets.network'
/** Where the container's log is written to in CRI's format. Upstream: dockershim. */
export const logPathLabel = 'io.kubernetes.container.logpath'
/** Of a sandbox: the folder of its containers' logs, and the runtime that they all use. */
export const logDirectoryLabel = 'io.kubets.log-directory'
export const runtimeHandlerLabel = 'io.kubets.runtime-handler'
const annotationPrefix = 'annotation.'

export type DockerType = 'podsandbox' | 'container' | 'node'

/** Labels that carry both CRI labels and CRI annotations. */
export const toDockerLabels = (
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
): Record<string, string> => ({
  ...labels,
  ...Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${annotationPrefix}${key}`, value])),
})

/** The inverse of toDockerLabels; the engine's own labels stay among the labels. */
export const fromDockerLabels = (
  dockerLabels: Readonly<Record<string, string>>,
): { labels: Record<string, string>; annotations: Record<string, string> } => {
  const labels: Record<string, string> = {}
  const annotations: Record<string, string> = {}
  for (const [key, value] of Object.entries(dockerLabels)) {
    if (key.startsWith(annotationPrefix)) annotations[key.slice(annotationPrefix.length)] = value
    else labels[key] = value
  }
  return { labels, annotations }
}

/** `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`; the sandbox's container is called POD. */
export const dockerName = (container: string, pod: Omit<SandboxMetadata, 'attempt'>, attempt: number): string =>
  ['k8s', container, pod.name, pod.namespace, pod.uid, attempt].join('_')

/** Attempt number at the end of a Docker name, 0 when it has none. */
export const attemptOfName = (name: string): number => {
  const attempt = Number(name.split('_').at(-1))
  return Number.isInteger(attempt) ? attempt : 0
}
