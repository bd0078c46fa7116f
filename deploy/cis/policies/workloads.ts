/** What users run, as the checks look at it. */
import { namespaces, pods } from '../../../api/resources.ts'
import type { Container, Namespace, Pod } from '../../../api/types.ts'
import type { Evidence } from '../evidence.ts'

/** Namespaces of the cluster itself. */
const systemNamespaces = new Set(['kube-system', 'kube-public', 'kube-node-lease'])

export const isSystem = (namespace: string | undefined): boolean => systemNamespaces.has(namespace ?? '')

const isLive = ({ status }: Pod): boolean => status?.phase !== 'Succeeded' && status?.phase !== 'Failed'

/** Pods in users' namespaces that have not ended. */
export const userPods = async ({ api }: Evidence): Promise<readonly Pod[]> =>
  (await api.list<Pod>(pods)).items.filter((pod) => isLive(pod) && !isSystem(pod.metadata?.namespace))

export const userNamespaces = async ({ api }: Evidence): Promise<readonly Namespace[]> =>
  (await api.list<Namespace>(namespaces)).items.filter(({ metadata }) => !isSystem(metadata?.name))

export const podName = ({ metadata }: Pod): string => `Pod ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`

export const containersOf = ({ spec }: Pod): readonly Container[] => [
  ...(spec?.initContainers ?? []),
  ...(spec?.containers ?? []),
]
