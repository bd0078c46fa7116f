/** A kubelet's own Node: not its taints, its owners, or labels by which work is steered. */
import { isKubeletLabel } from '../../../../api/core/kubelet-labels.ts'
import { semanticEqual } from '../../../../api/meta/equal.ts'
import type { Node } from '../../../../api/types.ts'
import type { NodeRequest } from './request.ts'

/** Labels that differ and are not a kubelet's to change. */
const forbiddenLabels = (node: Node, old: Node | undefined): string[] => {
  const now = node.metadata?.labels ?? {}
  const before = old?.metadata?.labels ?? {}
  const changed = [...new Set([...Object.keys(now), ...Object.keys(before)])].filter(
    (label) => now[label] !== before[label],
  )
  return changed.filter((label) => !isKubeletLabel(label)).toSorted()
}

export const checkNode = ({ attributes, self, shown, refuse }: NodeRequest): void => {
  const { name, operation } = attributes
  if (name !== self) refuse(`node ${shown} is not allowed to modify node ${JSON.stringify(name)}`)
  const node = attributes.object as Node
  const source = node?.spec?.configSource
  if (operation === 'CREATE') {
    if (source !== undefined) refuse(`node ${shown} is not allowed to create pods with a non-nil configSource`)
    const labels = forbiddenLabels(node, undefined)
    if (labels.length > 0) refuse(`node ${shown} is not allowed to set the following labels: ${labels.join(', ')}`)
  }
  if (operation !== 'UPDATE') return
  const old = attributes.oldObject as Node
  if (source !== undefined && !semanticEqual(source, old.spec?.configSource))
    refuse(`node ${shown} is not allowed to update configSource to a new non-nil configSource`)
  if (!semanticEqual(node.spec?.taints ?? [], old.spec?.taints ?? []))
    refuse(`node ${shown} is not allowed to modify taints`)
  // An owner that does not exist has the garbage collector delete the Node (CVE-2025-5187).
  if (!semanticEqual(node.metadata?.ownerReferences ?? [], old.metadata?.ownerReferences ?? []))
    refuse(`node ${shown} is not allowed to modify ownerReferences`)
  const labels = forbiddenLabels(node, old)
  if (labels.length > 0) refuse(`is not allowed to modify labels: ${labels.join(', ')}`)
}
