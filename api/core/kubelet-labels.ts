/** Labels of Kubernetes' own that a kubelet may give to its own Node. Pure. Upstream: kubelet/pkg/apis/well_known_labels. */

export const kubeletLabels: readonly string[] = [
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
]
/** All labels of these, and of what is below them. */
export const kubeletLabelNamespaces: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io']

const isIn = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`)

/** Whether a kubelet may say that of its Node. Labels that are not Kubernetes' own are free. */
export const isKubeletLabel = (label: string): boolean => {
  const namespace = label.includes('/') ? label.slice(0, label.indexOf('/')) : ''
  if (!isIn(namespace, 'kubernetes.io') && !isIn(namespace, 'k8s.io')) return true
  return kubeletLabels.includes(label) || kubeletLabelNamespaces.some((domain) => isIn(namespace, domain))
}
