/** What a new enforced policy would say of the Pods that a namespace has already. */
import type { Pod } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { evaluatePod, reasonsText } from './evaluator.ts'
import { type LevelVersion, policyText } from './policy.ts'

/** More than this many Pods are not looked at, nor any after this long: the answer is a warning only. */
const maxPods = 3000
const timeoutMs = 1000

/** Of the Pods that one controller made, which are mostly alike, all but one come last. */
const prioritize = (pods: readonly Pod[]): Pod[] => {
  const first: Pod[] = []
  const rest: Pod[] = []
  const controllers = new Set<string>()
  for (const pod of pods) {
    const controller = pod.metadata?.ownerReferences?.find((owner) => owner.controller === true)?.uid
    if (controller !== undefined && controllers.has(controller)) rest.push(pod)
    else first.push(pod)
    if (controller !== undefined) controllers.add(controller)
  }
  return [...first, ...rest]
}

const named = (names: readonly string[], reasons: string): string => {
  const [name] = names.toSorted()
  const others = names.length - 1
  const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`
  return `${name}${more}: ${reasons}`
}

/** Warnings for whoever changes the policy of `namespace`: a headline, then Pods with the same faults together. */
export const namespaceWarnings = (
  namespace: string,
  enforce: LevelVersion,
  pods: readonly Pod[],
  clock: Clock,
): readonly string[] => {
  const deadline = clock.now() + timeoutMs
  const ordered = prioritize(pods)
  const namesByReasons = new Map<string, string[]>()
  let checked = 0
  for (const pod of ordered.slice(0, maxPods)) {
    const violations = evaluatePod(enforce, { metadata: pod.metadata ?? {}, spec: pod.spec ?? { containers: [] } })
    checked++
    if (violations.length > 0) {
      const reasons = reasonsText(violations)
      const names = namesByReasons.get(reasons) ?? []
      names.push(pod.metadata?.name ?? '')
      namesByReasons.set(reasons, names)
    }
    if (clock.now() > deadline) break
  }
  const warnings: string[] = []
  if (checked < ordered.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${ordered.length} existing pods`,
    )
  }
  if (namesByReasons.size === 0) return warnings
  warnings.push(
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${policyText(enforce)}"`,
  )
  const lines = [...namesByReasons].map(([reasons, names]) => named(names, reasons))
  return [...warnings, ...lines.toSorted()]
}
