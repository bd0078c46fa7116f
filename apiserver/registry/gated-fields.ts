/** Kinds with a Pod's spec in them, as the feature gates leave it. */
import { dropGatedFields, type PodSpecGates } from '../../api/core/pod-spec/gated-fields.ts'
import { templatePlaceOf } from '../../api/core/pod-spec/template-place.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'

/** The kind, with what its gates do not let through dropped before a write is validated. */
export const withoutGatedFields = (kind: KindDefinition, gates: PodSpecGates): KindDefinition => {
  const place = templatePlaceOf(kind.plural, kind.group)
  if (place === undefined) return kind
  const specOf = (object: KubeObject) => place.find(object)?.spec as Parameters<typeof dropGatedFields>[0]
  return Object.freeze({
    ...kind,
    prepareForCreate: (object: KubeObject): void => {
      dropGatedFields(specOf(object), undefined, gates)
      kind.prepareForCreate?.(object)
    },
    prepareForUpdate: (object: KubeObject, old: KubeObject, nowMs: number): void => {
      dropGatedFields(specOf(object), specOf(old), gates)
      kind.prepareForUpdate?.(object, old, nowMs)
    },
  })
}
