/** Volumes and their mounts. Upstream: ValidateVolumes, ValidateVolumeMounts, ValidateVolumeDevices. */
import { isClusterTrustBundleName, signerOfBundleName, validateSignerName } from '../../certificates/signer-name.ts'
import { absent, inRange, oneOf, requiredSyntax, requiredText, validateLabelSelector } from '../../meta/checks.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notFoundField,
  required,
} from '../../meta/field-error.ts'
import { isDns1123Label } from '../../meta/names.ts'
import type { Container, Volume } from '../../types.ts'
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './validate-env.ts'
import { quantityOf } from './validate-resources.ts'

const modeMessage = 'must be a number between 0 and 0777 (octal), both inclusive'
const maxMode = 0o777
const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

interface KeyToPath {
  readonly key: string
  readonly path: string
  readonly mode?: number
}
type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]
type VolumeMount = NonNullable<Container['volumeMounts']>[number]
type VolumeDevice = NonNullable<Container['volumeDevices']>[number]

const validateMode = (mode: number | undefined, path: string): FieldError[] =>
  mode === undefined || (mode >= 0 && mode <= maxMode) ? [] : [invalid(path, mode, modeMessage)]

const noBackSteps = (path: string, value: string): FieldError[] =>
  value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : []

/** Below the volume's root, never out of it. */
export const relativePath = (path: string, value: string): FieldError[] => [
  ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
  ...noBackSteps(path, value),
]

const validateItems = (items: readonly KeyToPath[] | undefined, path: string): FieldError[] =>
  (items ?? []).flatMap((item, index) => {
    const at = child(path, index)
    return [
      ...requiredText(child(at, 'key'), item.key),
      ...(absent(item.path) ? [required(child(at, 'path'))] : relativePath(child(at, 'path'), item.path)),
      ...(item.path?.startsWith('..') && !item.path.startsWith('../')
        ? [invalid(child(at, 'path'), item.path, "must not start with '..'")]
        : []),
      ...validateMode(item.mode, child(at, 'mode')),
    ]
  })

const validateDownwardItems = (items: readonly DownwardItem[] | undefined, path: string): FieldError[] =>
  (items ?? []).flatMap((item) => {
    const errors = absent(item.path) ? [required(child(path, 'path'))] : relativePath(child(path, 'path'), item.path)
    if (item.fieldRef !== undefined) {
      errors.push(...validateFieldRef(item.fieldRef, child(path, 'fieldRef'), volumeFieldPaths))
      if (item.resourceFieldRef !== undefined) {
        errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
      }
    } else if (item.resourceFieldRef !== undefined) {
      errors.push(...validateResourceFieldRef(item.resourceFieldRef, child(path, 'resourceFieldRef'), true))
    } else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'))
    return [...errors, ...validateMode(item.mode, child(path, 'mode'))]
  })

type BundleProjection = NonNullable<ProjectedSource['clusterTrustBundle']>

const validateBundleChoice = ({ name, signerName, labelSelector }: BundleProjection, path: string): FieldError[] => {
  if (name !== undefined && signerName !== undefined)
    return [invalid(path, { name, signerName }, 'only one of name and signerName may be used')]
  if (name !== undefined) {
    return [
      ...(name === '' ? [required(child(path, 'name'), 'must be a valid object name')] : []),
      ...isClusterTrustBundleName(name, signerOfBundleName(name)).map((message) =>
        invalid(child(path, 'name'), name, `not a valid clustertrustbundlename: ${message}`),
      ),
      ...(labelSelector === undefined
        ? []
        : [invalid(child(path, 'labelSelector'), labelSelector, 'labelSelector must be unset if name is specified')]),
    ]
  }
  if (signerName === undefined) return [required(path, 'either name or signerName must be specified')]
  return [
    ...(signerName === '' ? [required(child(path, 'signerName'), 'must be a valid signer name')] : []),
    ...validateSignerName(signerName, child(path, 'signerName')),
    ...validateLabelSelector(labelSelector, child(path, 'labelSelector')),
  ]
}

const validateBundleProjection = (bundle: BundleProjection, path: string): FieldError[] => [
  ...validateBundleChoice(bundle, path),
  ...(absent(bundle.path) ? [required(child(path, 'path'))] : relativePath(child(path, 'path'), bundle.path)),
]

type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number]

/** The paths that a source chooses itself, each with the value that upstream shows when it is taken already. */
const chosenPaths = ({ secret, configMap, downwardAPI, clusterTrustBundle }: ProjectedSource): [string, string][] => [
  ...(secret?.items ?? []).map(({ path }): [string, string] => [path, secret?.name ?? '']),
  ...(configMap?.items ?? []).map(({ path }): [string, string] => [path, configMap?.name ?? '']),
  ...(downwardAPI?.items ?? []).map(({ path }): [string, string] => [path, path]),
  ...(clusterTrustBundle === undefined ? [] : [[clusterTrustBundle.path, clusterTrustBundle.path] as [string, string]]),
]

const conflictingPaths = (sources: readonly ProjectedSource[], path: string): FieldError[] => {
  const taken = new Set<string>()
  return sources.flatMap(chosenPaths).flatMap(([chosen, shown]) => {
    if (absent(chosen)) return []
    if (taken.has(chosen)) return [invalid(path, shown, 'conflicting duplicate paths')]
    taken.add(chosen)
    return []
  })
}

const validateProjected = (projected: NonNullable<Volume['projected']>, path: string): FieldError[] => {
  const errors = validateMode(projected.defaultMode, child(path, 'defaultMode'))
  for (const [index, source] of (projected.sources ?? []).entries()) {
    const at = child(path, 'sources', index)
    const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = source
    if (secret !== undefined) {
      errors.push(
        ...requiredText(child(at, 'secret', 'name'), secret.name),
        ...validateItems(secret.items, child(at, 'secret', 'items')),
      )
    }
    if (configMap !== undefined) {
      errors.push(
        ...requiredText(child(at, 'configMap', 'name'), configMap.name),
        ...validateItems(configMap.items, child(at, 'configMap', 'items')),
      )
    }
    if (downwardAPI !== undefined) errors.push(...validateDownwardItems(downwardAPI.items, child(at, 'downwardAPI')))
    if (serviceAccountToken !== undefined) {
      const token = child(at, 'serviceAccountToken')
      const seconds = serviceAccountToken.expirationSeconds ?? 3600
      if (seconds < 600)
        errors.push(
          invalid(child(token, 'expirationSeconds'), seconds, 'may not specify a duration less than 10 minutes'),
        )
      if (seconds > 2 ** 32)
        errors.push(
          invalid(child(token, 'expirationSeconds'), seconds, 'may not specify a duration larger than 2^32 seconds'),
        )
      errors.push(
        ...(absent(serviceAccountToken.path)
          ? [required(child(token, 'path'))]
          : relativePath(child(token, 'path'), serviceAccountToken.path)),
      )
    }
    // Upstream calls the field so in its messages.
    if (clusterTrustBundle !== undefined)
      errors.push(...validateBundleProjection(clusterTrustBundle, child(at, 'clusterTrustBundlePEM')))
    const kinds = Object.values(source).filter((one) => one !== undefined && one !== null).length
    if (kinds > 1) errors.push(forbiddenField(at, 'may not specify more than 1 volume type'))
    if (kinds === 0) errors.push(required(at, 'must specify at least 1 source type'))
  }
  errors.push(...conflictingPaths(projected.sources ?? [], path))
  return errors
}

/** Checks of sources that have something to check; the rest is taken as it is. */
const sourceChecks: {
  readonly [Name in keyof Volume]?: (source: NonNullable<Volume[Name]>, path: string) => FieldError[]
} = {
  emptyDir: ({ sizeLimit }, path) =>
    (quantityOf(sizeLimit)?.nanos ?? 0n) < 0n
      ? [forbiddenField(child(path, 'sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: (source, path) =>
    absent(source.path)
      ? [required(child(path, 'path'))]
      : [...noBackSteps(child(path, 'path'), source.path), ...oneOf(child(path, 'type'), source.type, hostPathTypes)],
  secret: (source, path) => [
    ...requiredText(child(path, 'secretName'), source.secretName),
    ...validateMode(source.defaultMode, child(path, 'defaultMode')),
    ...validateItems(source.items, child(path, 'items')),
  ],
  configMap: (source, path) => [
    ...requiredText(child(path, 'name'), source.name),
    ...validateMode(source.defaultMode, child(path, 'defaultMode')),
    ...validateItems(source.items, child(path, 'items')),
  ],
  downwardAPI: (source, path) => [
    ...validateMode(source.defaultMode, child(path, 'defaultMode')),
    ...validateDownwardItems(source.items, path),
  ],
  projected: validateProjected,
  persistentVolumeClaim: ({ claimName }, path) => requiredText(child(path, 'claimName'), claimName),
  nfs: (source, path) => [
    ...requiredText(child(path, 'server'), source.server),
    ...requiredText(child(path, 'path'), source.path),
    ...(!absent(source.path) && !source.path.startsWith('/')
      ? [invalid(child(path, 'path'), source.path, 'must be an absolute path')]
      : []),
  ],
  csi: ({ driver }, path) => requiredText(child(path, 'driver'), driver),
  iscsi: (source, path) => [
    ...requiredText(child(path, 'targetPortal'), source.targetPortal),
    ...requiredText(child(path, 'iqn'), source.iqn),
    ...inRange(child(path, 'lun'), source.lun, 0, 255),
  ],
  ephemeral: ({ volumeClaimTemplate }, path) =>
    volumeClaimTemplate === undefined
      ? [required(child(path, 'volumeClaimTemplate'))]
      : (volumeClaimTemplate.spec?.accessModes ?? []).length === 0
        ? [required(child(path, 'volumeClaimTemplate', 'spec', 'accessModes'), 'at least 1 access mode is required')]
        : [],
  image: ({ pullPolicy }, path) => oneOf(child(path, 'pullPolicy'), pullPolicy, ['Always', 'Never', 'IfNotPresent']),
}

/** In upstream's order: of two, the later one is too many. */
const volumeSources: readonly (keyof Volume)[] = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'azureFile',
  'configMap',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
  'storageos',
  'portworxVolume',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
]

const validateVolume = (volume: Volume, path: string): FieldError[] => {
  const errors: FieldError[] = []
  let count = 0
  for (const name of volumeSources) {
    const source = volume[name]
    if (source === undefined || source === null) continue
    const at = child(path, name)
    if (count++ > 0) {
      errors.push(forbiddenField(at, 'may not specify more than 1 volume type'))
      continue
    }
    // The table pairs each name with a check of that very source.
    const check = sourceChecks[name] as ((source: unknown, path: string) => FieldError[]) | undefined
    if (check !== undefined) errors.push(...check(source, at))
  }
  if (count === 0) errors.push(required(path, 'must specify a volume type'))
  return errors
}

export const validateVolumes = (volumes: readonly Volume[] | undefined, path: string): FieldError[] => {
  const names = new Set<string>()
  return (volumes ?? []).flatMap((volume, index) => {
    const at = child(path, index)
    const errors = [...requiredSyntax(child(at, 'name'), volume.name, isDns1123Label), ...validateVolume(volume, at)]
    if (names.has(volume.name)) errors.push(duplicate(child(at, 'name'), volume.name))
    names.add(volume.name)
    return errors
  })
}

const validateMount = (
  mount: VolumeMount,
  at: string,
  volumeNames: ReadonlySet<string>,
  privileged: boolean,
): FieldError[] => {
  const errors = requiredText(child(at, 'name'), mount.name)
  if (!volumeNames.has(mount.name)) errors.push(notFoundField(child(at, 'name'), mount.name))
  errors.push(...requiredText(child(at, 'mountPath'), mount.mountPath))
  if (!absent(mount.subPath)) errors.push(...relativePath(child(at, 'subPath'), mount.subPath ?? ''))
  if (!absent(mount.subPathExpr)) {
    if (!absent(mount.subPath)) {
      errors.push(
        invalid(child(at, 'subPathExpr'), mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      )
    }
    errors.push(...relativePath(child(at, 'subPathExpr'), mount.subPathExpr ?? ''))
  }
  errors.push(
    ...oneOf(child(at, 'mountPropagation'), mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None']),
  )
  if (mount.mountPropagation === 'Bidirectional' && !privileged) {
    errors.push(
      forbiddenField(
        child(at, 'mountPropagation'),
        'Bidirectional mount propagation is available only to privileged containers',
      ),
    )
  }
  return errors
}

export const validateVolumeMounts = (container: Container, path: string, volumes: readonly Volume[]): FieldError[] => {
  const names = new Set(volumes.map(({ name }) => name))
  const paths = new Set<string>()
  const privileged = container.securityContext?.privileged === true
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = child(path, index)
    const errors = validateMount(mount, at, names, privileged)
    if (paths.has(mount.mountPath)) errors.push(invalid(child(at, 'mountPath'), mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    return errors
  })
}

const isClaim = (volume: Volume): boolean =>
  volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined

export const validateVolumeDevices = (
  devices: readonly VolumeDevice[] | undefined,
  path: string,
  volumes: readonly Volume[],
): FieldError[] => {
  const paths = new Set<string>()
  return (devices ?? []).flatMap((device, index) => {
    const at = child(path, index)
    const errors = requiredText(child(at, 'name'), device.name)
    const volume = volumes.find(({ name }) => name === device.name)
    if (volume === undefined) errors.push(notFoundField(child(at, 'name'), device.name))
    else if (!isClaim(volume)) {
      errors.push(
        invalid(
          child(at, 'name'),
          device.name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      )
    }
    errors.push(...requiredText(child(at, 'devicePath'), device.devicePath))
    if (!absent(device.devicePath)) {
      errors.push(...noBackSteps(child(at, 'devicePath'), device.devicePath))
      if (paths.has(device.devicePath))
        errors.push(invalid(child(at, 'devicePath'), device.devicePath, 'must be unique'))
      paths.add(device.devicePath)
    }
    return errors
  })
}
