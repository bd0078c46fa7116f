/** What `--node-labels` may say. Pure. Upstream: ValidateKubeletFlags. */
import { isKubeletLabel, kubeletLabelNamespaces, kubeletLabels } from '../../api/core/kubelet-labels.ts'

/** Why `--node-labels` is refused; undefined where it is not. */
export const nodeLabelsProblem = (labels: Readonly<Record<string, string>>): string | undefined => {
  const unknown = Object.keys(labels)
    .filter((label) => !isKubeletLabel(label))
    .toSorted()
  if (unknown.length === 0) return undefined
  return `unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${unknown.join(' ')}]\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${kubeletLabelNamespaces.join(', ')}) or be in the specifically allowed set (${kubeletLabels.join(', ')})`
}
