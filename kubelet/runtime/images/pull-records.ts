/**
 * What this kubelet has pulled, and by whose credentials: who may use an image that is there already is decided by it.
 * Files as upstream has them (image_manager/pulling, image_manager/pulled). Upstream: pkg/kubelet/images/pullmanager.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import { repositoryOf, type PullCredentials, type SecretSource } from './keyring.ts'

export type VerificationPolicy =
  | 'NeverVerify'
  | 'NeverVerifyPreloadedImages'
  | 'NeverVerifyAllowlistedImages'
  | 'AlwaysVerify'

interface SecretRecord extends SecretSource {
  readonly credentialHash: string
}

/** Who may use an image of a repository: every Pod of the node, or those that have one of the Secrets. */
interface Access {
  readonly nodePodsAccessible?: boolean
  readonly kubernetesSecrets?: readonly SecretRecord[]
}

interface PulledRecord {
  readonly kind: 'ImagePulledRecord'
  readonly apiVersion: string
  readonly lastUpdatedTime: string
  readonly imageRef: string
  readonly credentialMapping: Readonly<Record<string, Access>>
}

const apiVersion = 'kubelet.config.k8s.io/v1beta1'
const fileName = (text: string): string => `sha256-${createHash('sha256').update(text).digest('hex')}`

/** `registry/path/*` at the end is a prefix, anything else a repository. */
export const isAllowlisted = (list: readonly string[], image: string): boolean => {
  const repository = repositoryOf(image)
  return list.some((entry) => {
    if (entry.endsWith('/*')) return repository.startsWith(entry.slice(0, -1))
    return repositoryOf(entry) === repository
  })
}

const sameSecret = (a: SecretSource, b: SecretSource): boolean =>
  a.uid === b.uid && a.namespace === b.namespace && a.name === b.name

/** Pure: whether a Pod with these credentials may use the image without a pull of its own. */
export const mayUse = (access: Access | undefined, credentials: readonly PullCredentials[]): boolean => {
  if (access === undefined) return false
  if (access.nodePodsAccessible === true) return true
  const known = access.kubernetesSecrets ?? []
  return credentials.some(({ hash, source }) =>
    known.some((secret) => secret.credentialHash === hash || (source !== undefined && sameSecret(secret, source))),
  )
}

export interface PullRecords {
  /** Whether an image that is there must be pulled all the same, since the Pod has not shown that it may use it. */
  mustPull(image: string, imageRef: string, credentials: () => Promise<readonly PullCredentials[]>): Promise<boolean>
  /** A pull begins: what comes of it is this kubelet's, whatever happens. */
  begin(image: string): Promise<void>
  /** `used` is undefined for a pull without credentials. */
  succeeded(image: string, imageRef: string, used: PullCredentials | undefined): Promise<void>
  failed(image: string): Promise<void>
  /** IDs of the images that this kubelet has pulled. */
  pulled(): Promise<ReadonlySet<string>>
  /** The image was removed. */
  forget(imageRef: string): Promise<void>
}

export const createPullRecords = (
  folder: string,
  options: {
    readonly policy: VerificationPolicy
    readonly allowlist: readonly string[]
    readonly now: () => number
  },
): PullRecords => {
  const [pulling, pulled] = [join(folder, 'pulling'), join(folder, 'pulled')]
  const pulledFile = (imageRef: string): string => join(pulled, fileName(imageRef))
  const pullingFile = (image: string): string => join(pulling, fileName(image))

  const write = async (file: string, record: object): Promise<void> => {
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
    await writeFile(`${file}.tmp`, JSON.stringify(record), { mode: 0o600 })
    await rename(`${file}.tmp`, file)
  }
  const read = async (file: string): Promise<PulledRecord | undefined> => {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as PulledRecord
    } catch {
      return undefined // none, or one that is no use
    }
  }
  const exists = async (file: string): Promise<boolean> =>
    readFile(file).then(
      () => true,
      () => false,
    )

  const isVerified = (image: string, isOurs: boolean): boolean => {
    switch (options.policy) {
      case 'NeverVerify':
        return false
      case 'NeverVerifyPreloadedImages':
        return isOurs
      case 'NeverVerifyAllowlistedImages':
        return !isAllowlisted(options.allowlist, image)
      case 'AlwaysVerify':
        return true
    }
  }

  return {
    mustPull: async (image, imageRef, credentials) => {
      const record = await read(pulledFile(imageRef))
      const isOurs = record !== undefined || (await exists(pullingFile(image)))
      if (!isVerified(image, isOurs)) return false
      const access = record?.credentialMapping[repositoryOf(image)]
      return access?.nodePodsAccessible !== true && !mayUse(access, await credentials())
    },
    begin: (image) => write(pullingFile(image), { kind: 'ImagePullIntent', apiVersion, image }),
    succeeded: async (image, imageRef, used) => {
      const before = (await read(pulledFile(imageRef)))?.credentialMapping ?? {}
      const repository = repositoryOf(image)
      const access = before[repository]
      const others = (access?.kubernetesSecrets ?? []).filter(
        (secret) => used?.source !== undefined && !sameSecret(secret, used.source),
      )
      const next: Access =
        used?.source === undefined || access?.nodePodsAccessible === true
          ? { nodePodsAccessible: true }
          : { kubernetesSecrets: [...others, { ...used.source, credentialHash: used.hash }] }
      const record: PulledRecord = {
        kind: 'ImagePulledRecord',
        apiVersion,
        lastUpdatedTime: nowRfc3339(options.now()),
        imageRef,
        credentialMapping: { ...before, [repository]: next },
      }
      await write(pulledFile(imageRef), record)
      await rm(pullingFile(image), { force: true })
    },
    failed: (image) => rm(pullingFile(image), { force: true }),
    pulled: async () => {
      const names = await readdir(pulled).catch((): string[] => [])
      const records = await Promise.all(names.map((name) => read(join(pulled, name))))
      return new Set(records.flatMap((record) => (record === undefined ? [] : [record.imageRef])))
    },
    forget: (imageRef) => rm(pulledFile(imageRef), { force: true }),
  }
}
