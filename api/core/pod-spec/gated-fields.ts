/**
 * Fields that a Pod's spec has only while a feature gate is on: dropped without a word where it is off, but kept where
 * the stored spec uses them. Upstream: DropDisabledPodFields in pkg/api/pod/util.go
 */
import type { PodSpec, Volume } from '../../types.ts'

/** Gates of fields in volumes. */
export interface PodSpecGates {
  readonly ClusterTrustBundleProjection: boolean
}

type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number]
/** A spec as it comes from a client: nothing of it need be there. */
type MaybeSpec = Partial<Pick<PodSpec, 'volumes'>> | undefined

const sourcesOf = (spec: MaybeSpec): readonly ProjectedSource[] =>
  (spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? [])

/** Drops, in place, what the gates do not let through and `old` does not use. */
export const dropGatedFields = (spec: MaybeSpec, old: MaybeSpec, gates: PodSpecGates): void => {
  const off: readonly (keyof ProjectedSource)[] = [
    ...(gates.ClusterTrustBundleProjection ? [] : (['clusterTrustBundle'] as const)),
    // PodCertificateRequest is not built: its gate cannot be on.
    'podCertificate',
  ]
  for (const field of off) {
    if (sourcesOf(old).some((source) => source[field] !== undefined)) continue
    for (const source of sourcesOf(spec)) delete source[field]
  }
}
