/** Parts of a Pod that an update may change in one direction only. Upstream: ValidatePodUpdate. */
import { semanticEqual } from '../../meta/equal.ts'
import { child, type FieldError, forbiddenField, invalid, key } from '../../meta/field-error.ts'
import type { Pod, PodSpec } from '../../types.ts'

type NodeAffinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>
type Term = NonNullable<NodeAffinity['requiredDuringSchedulingIgnoredDuringExecution']>['nodeSelectorTerms'][number]

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const whose = (name: string): string | undefined => {
  if (name === mirrorAnnotation) return 'mirror pod annotation'
  return name.startsWith(appArmorPrefix) ? 'AppArmor annotations' : undefined
}

/** Annotations that belong to the kubelet stay as they were at first. */
export const validateFixedAnnotations = (pod: Pod, old: Pod): FieldError[] => {
  const [next, before] = [pod.metadata?.annotations ?? {}, old.metadata?.annotations ?? {}]
  const errors: FieldError[] = []
  const refuse = (name: string, change: string): void => {
    const what = whose(name)
    if (what !== undefined) errors.push(forbiddenField(key('metadata.annotations', name), `may not ${change} ${what}`))
  }
  for (const name of Object.keys(before)) if (next[name] !== before[name]) refuse(name, 'remove or update')
  for (const name of Object.keys(next)) if (before[name] === undefined) refuse(name, 'add')
  return errors
}

const onlyAdditions = 'only additions are allowed (no mutations or deletions)'

const keepsAll = (next: readonly unknown[] | undefined, old: readonly unknown[] | undefined): boolean =>
  (old ?? []).every((item, index) => semanticEqual(next?.[index], item))

const keepsTerm = (next: Term | undefined, old: Term): boolean =>
  keepsAll(next?.matchExpressions, old.matchExpressions) && keepsAll(next?.matchFields, old.matchFields)

const validateTerms = (next: readonly Term[], old: readonly Term[], path: string): FieldError[] => {
  if (old.length === 0) return []
  if (next.length !== old.length) {
    return [invalid(path, next, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')]
  }
  return old.flatMap((term, index) =>
    keepsTerm(next[index], term) ? [] : [invalid(child(path, index), next[index], onlyAdditions)],
  )
}

/** While gates hold a Pod back, the nodes it may go to can be narrowed. */
export const validateGatedSelection = (spec: PodSpec, old: PodSpec): FieldError[] => {
  const errors: FieldError[] = []
  const selector = spec.nodeSelector ?? {}
  if (Object.entries(old.nodeSelector ?? {}).some(([name, value]) => selector[name] !== value)) {
    errors.push(invalid('spec.nodeSelector', selector, onlyAdditions))
  }
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const termsOf = ({ affinity }: PodSpec): readonly Term[] =>
    affinity?.nodeAffinity?.[required]?.nodeSelectorTerms ?? []
  const path = child('spec.affinity.nodeAffinity', required, 'nodeSelectorTerms')
  return [...errors, ...validateTerms(termsOf(spec), termsOf(old), path)]
}

/** The spec's affinity without what `validateGatedSelection` looks at. */
export const fixedAffinity = ({ affinity }: PodSpec): object => ({ ...affinity, nodeAffinity: undefined })
