/** Volumes that show API objects as files. */
import type { PodSpec, Volume } from '../../api/types.ts'
import { configMapEntries, type ObjectSource, secretEntries } from '../container/objects.ts'
import type { BoundPod } from '../pod.ts'
import { type DownwardContext, downwardFiles, type Files, filesOfEntries, VolumeError } from './payload.ts'
import type { TokenSource } from './tokens.ts'
import type { BundleProjection } from './trust-anchors.ts'
import type { TrustBundles } from './trust-bundles.ts'

export interface ProjectionDeps {
  readonly objects: ObjectSource
  readonly tokens: TokenSource
  readonly trustBundles: TrustBundles
}

const defaultFileMode = 0o644

type ConfigMapVolume = NonNullable<Volume['configMap']>
type SecretVolume = NonNullable<Volume['secret']>
type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number]
type MapProjection = Pick<ConfigMapVolume, 'name' | 'items' | 'optional'>

const configMapFiles = async (
  pod: BoundPod,
  source: MapProjection,
  defaultMode: number,
  { objects }: ProjectionDeps,
): Promise<Files> => {
  const { namespace } = pod.metadata
  const { name = '', items, optional = false } = source
  const object = await objects.configMap(namespace, name)
  if (object === undefined) {
    if (optional) return new Map()
    throw new VolumeError(`configmap "${name}" not found`)
  }
  return filesOfEntries(configMapEntries(object), { items, defaultMode, optional, what: `configmap` })
}

const secretFiles = async (
  pod: BoundPod,
  source: MapProjection,
  defaultMode: number,
  { objects }: ProjectionDeps,
): Promise<Files> => {
  const { namespace } = pod.metadata
  const { name = '', items, optional = false } = source
  const object = await objects.secret(namespace, name)
  if (object === undefined) {
    if (optional) return new Map()
    throw new VolumeError(`secret "${name}" not found`)
  }
  return filesOfEntries(secretEntries(object), { items, defaultMode, optional, what: `secret` })
}

/** The user that may read a token: the one user of all containers, when there is exactly one. */
const onlyUser = (spec: PodSpec): number | undefined => {
  const users = [...spec.containers, ...(spec.initContainers ?? [])].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  )
  const [first] = users
  return users.every((user) => user === first) ? first : undefined
}

/** Readable by its one user or group only, where there is one. Upstream: projected.collectData. */
const ownedFile = (pod: BoundPod, path: string, data: Buffer, defaultMode: number): Files => {
  const user = onlyUser(pod.spec)
  const grouped = pod.spec.securityContext?.fsGroup !== undefined
  const mode = grouped || user !== undefined ? 0o600 : defaultMode
  return new Map([[path, { data, mode, ...(grouped || user === undefined ? {} : { uid: user }) }]])
}

const tokenFiles = async (
  pod: BoundPod,
  source: NonNullable<ProjectedSource['serviceAccountToken']>,
  defaultMode: number,
  { tokens }: ProjectionDeps,
): Promise<Files> => {
  const token = await tokens.token(pod, {
    audience: source.audience ?? '',
    expirationSeconds: source.expirationSeconds ?? 3600,
  })
  return ownedFile(pod, source.path, Buffer.from(token), defaultMode)
}

const bundleFiles = async (
  pod: BoundPod,
  source: BundleProjection,
  defaultMode: number,
  { trustBundles }: ProjectionDeps,
): Promise<Files> => ownedFile(pod, source.path, Buffer.from(await trustBundles.anchors(source)), defaultMode)

const projectedFiles = async (
  source: ProjectedSource,
  defaultMode: number,
  context: DownwardContext,
  deps: ProjectionDeps,
): Promise<Files> => {
  const { pod } = context
  if (source.configMap !== undefined) return configMapFiles(pod, source.configMap, defaultMode, deps)
  if (source.secret !== undefined) return secretFiles(pod, source.secret, defaultMode, deps)
  if (source.downwardAPI !== undefined) return downwardFiles(source.downwardAPI.items ?? [], defaultMode, context)
  if (source.serviceAccountToken !== undefined) return tokenFiles(pod, source.serviceAccountToken, defaultMode, deps)
  if (source.clusterTrustBundle !== undefined) return bundleFiles(pod, source.clusterTrustBundle, defaultMode, deps)
  throw new VolumeError(`projected source ${Object.keys(source).join(', ')} is not implemented by kubets`)
}

/** The wanted files of a volume that shows API objects; undefined for other volumes. */
export const apiVolumeFiles = async (
  volume: Volume,
  context: DownwardContext,
  deps: ProjectionDeps,
): Promise<Files | undefined> => {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap !== undefined)
    return configMapFiles(context.pod, configMap, configMap.defaultMode ?? defaultFileMode, deps)
  if (secret !== undefined) {
    const source: MapProjection = {
      ...(secret.secretName === undefined ? {} : { name: secret.secretName }),
      ...(secret.items === undefined ? {} : { items: secret.items }),
      ...(secret.optional === undefined ? {} : { optional: secret.optional }),
    }
    return secretFiles(context.pod, source, (secret satisfies SecretVolume).defaultMode ?? defaultFileMode, deps)
  }
  if (downwardAPI !== undefined)
    return downwardFiles(downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultFileMode, context)
  if (projected === undefined) return undefined
  const mode = projected.defaultMode ?? defaultFileMode
  const parts = await Promise.all(
    (projected.sources ?? []).map((source) => projectedFiles(source, mode, context, deps)),
  )
  // Later sources win.
  return new Map(parts.flatMap((files) => [...files]))
}
