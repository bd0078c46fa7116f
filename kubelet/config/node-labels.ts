/** Labels that a kubelet may give to its own Node. Pure. Upstream: ValidateKubeletFlags, kubelet/pkg/apis/well_known_labels. */

const allowed = [
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
] as const
const allowedNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io'] as const

const namespaceOf = (label: string): string => (label.includes('/') ? label.slice(0, label.indexOf('/')) : '')
const isIn = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`)

/** Whether a node may say that of itself. */
export const isNodesOwnLabel = (label: string): boolean => {
  const namespace = namespaceOf(label)
  if (!isIn(namespace, 'kubernetes.io') && !isIn(namespace, 'k8s.io')) return true
  return (allowed as readonly string[]).includes(label) || allowedNamespaces.some((domain) => isIn(namespace, domain))
}

/** Why `--node-labels` is refused; undefined where it is not. */
export const nodeLabelsProblem = (labels: Readonly<Record<string, string>>): string | undefined => {
  const unknown = Object.keys(labels)
    .filter((label) => !isNodesOwnLabel(label))
    .toSorted()
  if (unknown.length === 0) return undefined
  return `unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${unknown.join(' ')}]\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${allowedNamespaces.join(', ')}) or be in the specifically allowed set (${allowed.join(', ')})`
}
