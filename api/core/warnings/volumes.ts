/** Volumes of Pods, PersistentVolumes and claims. Upstream: pkg/api/persistentvolume, pkg/api/persistentvolumeclaim. */
import { child, key } from '../../meta/field-error.ts'
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '../../types.ts'
import { expressionValueWarnings, expressionWarnings } from './node-labels.ts'
import { fractionalByteWarnings } from './quantities.ts'

const gone = (since: string, until: string): string => `deprecated in ${since}, non-functional in ${until}+`

/** Plugins that PersistentVolumes and Pods both know. */
const deprecatedPlugins = [
  ['photonPersistentDisk', gone('v1.11', 'v1.16')],
  ['scaleIO', gone('v1.16', 'v1.22')],
  ['flocker', gone('v1.22', 'v1.25')],
  ['storageos', gone('v1.22', 'v1.25')],
  ['quobyte', gone('v1.22', 'v1.25')],
  ['glusterfs', gone('v1.25', 'v1.26')],
  ['cephfs', gone('v1.28', 'v1.31')],
  ['rbd', gone('v1.28', 'v1.31')],
] as const

/** Upstream's message names the field as Go does. */
const shownName = (plugin: string): string => (plugin === 'storageos' ? 'storageOS' : plugin)

const pluginWarnings = (source: object, path: string): string[] =>
  deprecatedPlugins.flatMap(([plugin, message]) =>
    Reflect.get(source, plugin) === undefined ? [] : [`${child(path, shownName(plugin))}: ${message}`],
  )

interface Projection {
  readonly path: string
  readonly field: string
}

type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number]

/** Files that a projected source puts somewhere, by the path that upstream gives them. */
const projectedFiles = (source: ProjectedSource): Projection[] => {
  const files = (items: readonly { readonly path: string }[] | undefined, name: string): Projection[] =>
    (items ?? []).map(({ path }, index) => ({ path: path ?? '', field: child(name, index) }))
  const bundle = source.clusterTrustBundle
  return [
    ...files(source.configMap?.items, 'configMap'),
    ...files(source.secret?.items, 'secrets'),
    ...files(source.downwardAPI?.items, 'downwardAPI'),
    ...(bundle === undefined ? [] : [{ path: bundle.path ?? '', field: 'ClusterTrustBundle' }]),
  ]
}

const tokenPathWarnings = (volumes: readonly Volume[], path: string): string[] => {
  const tokens = new Set<string>()
  for (const { projected } of volumes) {
    for (const { serviceAccountToken } of projected?.sources ?? []) {
      if (serviceAccountToken !== undefined) tokens.add(serviceAccountToken.path ?? '')
    }
  }
  if (tokens.size === 0) return []
  return volumes.flatMap(({ projected }, index) =>
    (projected?.sources ?? [])
      .flatMap(projectedFiles)
      .filter((file) => tokens.has(file.path))
      .map(
        (file) =>
          `${child(path, index, 'projected', 'sources', file.field)}: has duplicated path with ServiceAccountToken ${JSON.stringify(file.path)}`,
      ),
  )
}

export const podVolumeWarnings = (volumes: readonly Volume[] | undefined, path: string): string[] => {
  if (volumes === undefined) return []
  const warnings = volumes.flatMap((volume, index) => {
    const at = child(path, index)
    const own = pluginWarnings(volume, at)
    if (volume.gitRepo !== undefined) {
      own.push(`${child(at, 'gitRepo')}: deprecated in v1.11, and disabled by default in v1.33+`)
    }
    const template = volume.ephemeral?.volumeClaimTemplate
    if (template !== undefined) {
      own.push(...claimSpecWarnings(template.spec, child(at, 'ephemeral', 'volumeClaimTemplate', 'spec')))
    }
    return own
  })
  return [...warnings, ...tokenPathWarnings(volumes, path)]
}

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'
const mountOptionsAnnotation = 'volume.beta.kubernetes.io/mount-options'
const classMessage = 'deprecated since v1.8; use "storageClassName" attribute instead'
const mountOptionsMessage = 'deprecated since v1.31; use "mountOptions" attribute instead'

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>

/** Also for the claim templates of StatefulSets and ephemeral volumes. */
export const claimSpecWarnings = (spec: ClaimSpec | undefined, path: string): string[] => [
  ...fractionalByteWarnings(spec?.resources?.requests, ['storage'], () => child(path, 'resources', 'requests')),
  ...fractionalByteWarnings(spec?.resources?.limits, ['storage'], () => child(path, 'resources', 'limits')),
]

const classWarnings = (annotations: Readonly<Record<string, string>> | undefined): string[] =>
  annotations?.[classAnnotation] === undefined
    ? []
    : [`${key('metadata.annotations', classAnnotation)}: ${classMessage}`]

export const claimWarnings = ({ metadata, spec }: PersistentVolumeClaim): readonly string[] => [
  ...classWarnings(metadata?.annotations),
  ...claimSpecWarnings(spec, 'spec'),
]

export const persistentVolumeWarnings = ({ metadata, spec }: PersistentVolume): readonly string[] => {
  const warnings = classWarnings(metadata?.annotations)
  if (metadata?.annotations?.[mountOptionsAnnotation] !== undefined) {
    warnings.push(`${key('metadata.annotations', mountOptionsAnnotation)}: ${mountOptionsMessage}`)
  }
  if (spec === undefined) return warnings
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    warnings.push(
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    )
  }
  for (const [index, term] of (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) {
    const at = child('spec.nodeAffinity.required.nodeSelectorTerms', index, 'matchExpressions')
    warnings.push(
      ...expressionWarnings(term.matchExpressions, at),
      ...expressionValueWarnings(term.matchExpressions, at),
    )
  }
  return [...warnings, ...pluginWarnings(spec, 'spec')]
}
