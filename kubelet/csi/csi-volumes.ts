/**
 * Volumes of CSI drivers on this node: staged once a node, published once a Pod, and taken down in the same two steps.
 * Every step is idempotent by CSI's contract, so one that was cut short is done again. Upstream: pkg/volume/csi.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CSIDriver, PersistentVolumeClaim, VolumeAttachment } from '../../api/types.ts'
import { sleep } from '../../component-base/clock.ts'
import { GrpcError } from '../../component-base/grpc/status.ts'
import type { KubeletPaths } from '../paths.ts'
import type { BoundPod } from '../pod.ts'
import { mountPointsUnder } from '../volumes/mount.ts'
import type { MountedVolume } from '../volumes/mounted-volume.ts'
import { setVolumeOwnership } from '../volumes/ownership.ts'
import { VolumeError } from '../volumes/payload.ts'
import type { TokenSource } from '../volumes/tokens.ts'
import type { CsiDriver, CsiDrivers } from './drivers.ts'
import { csiNode, type VolumeCapability } from './messages.ts'
import { volumesIn, writeVolumeData } from './volume-data.ts'
import {
  appliesFsGroup,
  attachmentName,
  capabilityOf,
  checkLifecycle,
  type CsiVolumeSpec,
  podInfo,
  type SecretReference,
  stagingFolder,
} from './volume-spec.ts'

/** What the API knows of a volume's driver, its attachment and its secrets. */
export interface CsiObjects {
  driver(name: string): Promise<CSIDriver | undefined>
  attachment(name: string): Promise<VolumeAttachment | undefined>
  secret(reference: SecretReference): Promise<Readonly<Record<string, string>>>
}

export interface CsiVolumes {
  /** Attached, staged and published; the same again costs nothing. */
  mount(pod: BoundPod, spec: CsiVolumeSpec): Promise<MountedVolume>
  /** Makes the file system as large as the volume has become. Returns its bytes; undefined where the driver does not do that. */
  expand(pod: BoundPod, spec: CsiVolumeSpec, bytes: number): Promise<number | undefined>
  /** Takes down all CSI volumes of a Pod. Rejects while a driver is not there: it is tried again. */
  unmountPod(podUid: string): Promise<void>
  /** Names of the attached volumes that are used here, as Node status has them. */
  inUse(): readonly string[]
}

export interface CsiVolumesDeps {
  readonly paths: KubeletPaths
  readonly drivers: Pick<CsiDrivers, 'get'>
  readonly objects: CsiObjects
  readonly tokens: TokenSource
  readonly nodeName: string
  /** What `inUse` tells has changed. */
  readonly onUse: () => void
  readonly now: () => number
}

const callMs = 120_000
const attachWaitMs = 5000
const attachPollMs = 200
/** How often a driver with requiresRepublish is told again. */
const republishMs = 60_000
const plugin = 'csi'

/** One thing after the other for each key. */
const createKeyedLock = () => {
  const last = new Map<string, Promise<unknown>>()
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(key)
    const mine = (async () => {
      await before?.catch(() => undefined)
      return work()
    })()
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}

const asVolumeError = (what: string, error: unknown): Error =>
  error instanceof GrpcError ? new VolumeError(`${what}: rpc error: ${error.message}`) : (error as Error)

export const createCsiVolumes = (deps: CsiVolumesDeps): CsiVolumes => {
  const { paths, drivers, objects, tokens, nodeName, now } = deps
  const locked = createKeyedLock()
  const publishedAt = new Map<string, number>()
  const attached = new Map<string, string>()
  const stagingRoot = join(paths.root, 'plugins', 'kubernetes.io', plugin)

  const driverOf = (name: string): CsiDriver => {
    const driver = drivers.get(name)
    if (driver === undefined) {
      throw new VolumeError(
        `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ${name} not found in the list of registered CSI drivers`,
      )
    }
    return driver
  }

  const stageOf = (driver: string, handle: string): string => join(stagingRoot, driver, stagingFolder(handle))
  /** The driver makes it: a folder, or the file of a block device. */
  const targetName = 'mount'
  const targetOf = (podUid: string, name: string): string => join(paths.podVolume(podUid, plugin, name), targetName)
  const isMounted = async (path: string): Promise<boolean> => (await mountPointsUnder(path)).includes(path)
  const secretsOf = async (reference: SecretReference | undefined): Promise<Readonly<Record<string, string>>> =>
    reference === undefined ? {} : objects.secret(reference)

  const isAttachable = (spec: CsiVolumeSpec, object: CSIDriver | undefined): boolean =>
    spec.lifecycle === 'Persistent' && object?.spec.attachRequired !== false

  /** Node status has to name the volume from before it is used, also by a kubelet that finds it mounted. */
  const noteUse = (spec: CsiVolumeSpec): void => {
    const folder = stageOf(spec.driver, spec.handle)
    if (attached.has(folder)) return
    attached.set(folder, `kubernetes.io/csi/${spec.driver}^${spec.handle}`)
    deps.onUse()
  }

  /** What the attacher tells the node about the volume. Rejects while it is not attached. */
  const publishContext = async (
    spec: CsiVolumeSpec,
    object: CSIDriver | undefined,
  ): Promise<Readonly<Record<string, string>>> => {
    if (!isAttachable(spec, object)) return {}
    const name = attachmentName(spec, nodeName)
    noteUse(spec)
    const deadline = now() + attachWaitMs
    for (;;) {
      const attachment = await objects.attachment(name)
      if (attachment?.status?.attached === true) return attachment.status.attachmentMetadata ?? {}
      const problem = attachment?.status?.attachError?.message
      if (problem !== undefined) throw new VolumeError(`volume attachment failed: ${problem}`)
      if (now() >= deadline) throw new VolumeError(`volume ${spec.name} is not attached yet: VolumeAttachment ${name}`)
      await sleep(attachPollMs)
    }
  }

  const stage = async (
    spec: CsiVolumeSpec,
    driver: CsiDriver,
    context: Readonly<Record<string, string>>,
    capability: VolumeCapability,
  ): Promise<string> => {
    if (spec.lifecycle === 'Ephemeral' || !driver.has('stageUnstageVolume')) return ''
    const folder = stageOf(spec.driver, spec.handle)
    const stagingTargetPath = join(folder, 'globalmount')
    await writeVolumeData(folder, dataOf(spec))
    await mkdir(stagingTargetPath, { recursive: true, mode: 0o750 })
    await driver.channel.unary(
      csiNode.stage,
      {
        volumeId: spec.handle,
        publishContext: context,
        stagingTargetPath,
        volumeCapability: capability,
        secrets: await secretsOf(spec.stageSecret),
        volumeContext: spec.attributes,
      },
      { timeoutMs: callMs },
    )
    return stagingTargetPath
  }

  const dataOf = (spec: CsiVolumeSpec) => ({
    driverName: spec.driver,
    volumeHandle: spec.handle,
    specVolID: spec.name,
    volumeLifecycleMode: spec.lifecycle,
  })

  /** The tokens that the driver asks for, as JSON by audience. */
  const tokensFor = async (pod: BoundPod, object: CSIDriver | undefined): Promise<Record<string, string>> => {
    const requests = object?.spec.tokenRequests ?? []
    if (requests.length === 0) return {}
    const issued = await Promise.all(
      requests.map(async ({ audience, expirationSeconds = 3600 }) => {
        const { token, expirationTimestamp } = await tokens.issue(pod, { audience, expirationSeconds })
        return [audience, { token, expirationTimestamp }] as const
      }),
    )
    return { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(Object.fromEntries(issued)) }
  }

  const publish = async (
    pod: BoundPod,
    spec: CsiVolumeSpec,
    { driver, object, target }: { driver: CsiDriver; object: CSIDriver | undefined; target: string },
  ): Promise<void> => {
    const fsGroup = pod.spec.securityContext?.fsGroup
    const capability = capabilityOf(spec, driver, fsGroup)
    // Before the volume is in use: what is not on disk is not taken down.
    await writeVolumeData(paths.podVolume(pod.metadata.uid, plugin, spec.name), dataOf(spec))
    const context = await publishContext(spec, object)
    const stagingTargetPath = await stage(spec, driver, context, capability)
    const issued = await tokensFor(pod, object)
    const inSecrets = object?.spec.serviceAccountTokenInSecrets === true
    await driver.channel.unary(
      csiNode.publish,
      {
        volumeId: spec.handle,
        publishContext: context,
        stagingTargetPath,
        targetPath: target,
        volumeCapability: capability,
        readonly: spec.readOnly,
        secrets: { ...(await secretsOf(spec.publishSecret)), ...(inSecrets ? issued : {}) },
        volumeContext: {
          ...spec.attributes,
          ...(object?.spec.podInfoOnMount === true ? podInfo(pod, spec) : {}),
          ...(inSecrets ? {} : issued),
        },
      },
      { timeoutMs: callMs },
    )
    if (fsGroup !== undefined && appliesFsGroup(spec, driver, object)) {
      await setVolumeOwnership(target, fsGroup, pod.spec.securityContext?.fsGroupChangePolicy)
    }
  }

  /** Every published volume of every Pod: who still uses what is staged. */
  const publishedHandles = async (): Promise<Set<string>> => {
    const pods = await readdir(paths.pods).catch((): string[] => [])
    const all = await Promise.all(pods.map((uid) => volumesIn(paths.podVolumeKind(uid, plugin))))
    return new Set(all.flat().map(({ data }) => stageOf(data.driverName, data.volumeHandle)))
  }

  const unstageUnused = async (driverName: string, handle: string): Promise<void> => {
    const folder = stageOf(driverName, handle)
    if ((await publishedHandles()).has(folder)) return
    const driver = driverOf(driverName)
    if (driver.has('stageUnstageVolume')) {
      const stagingTargetPath = join(folder, 'globalmount')
      await driver.channel.unary(csiNode.unstage, { volumeId: handle, stagingTargetPath }, { timeoutMs: callMs })
    }
    // Never what is in the volume: if it is still mounted, this fails.
    if ((await mountPointsUnder(folder)).length > 0) throw new VolumeError(`${folder} is still mounted`)
    await rm(folder, { recursive: true, force: true })
    if (attached.delete(folder)) deps.onUse()
  }

  return {
    mount: (pod, spec) =>
      locked(stageOf(spec.driver, spec.handle), async () => {
        const target = targetOf(pod.metadata.uid, spec.name)
        const last = publishedAt.get(target)
        const mounted = { hostPath: target, readOnly: spec.readOnly, isDevice: spec.isBlock }
        const age = last === undefined ? Number.POSITIVE_INFINITY : now() - last
        if (age < republishMs) return mounted
        const object = await objects.driver(spec.driver)
        const isKnown = last !== undefined || (await isMounted(target))
        if (isKnown && isAttachable(spec, object)) noteUse(spec)
        if (isKnown && object?.spec.requiresRepublish !== true) {
          publishedAt.set(target, Number.POSITIVE_INFINITY)
          return mounted
        }
        const driver = driverOf(spec.driver)
        checkLifecycle(spec, object)
        try {
          await publish(pod, spec, { driver, object, target })
        } catch (error) {
          // A volume that is there and cannot be told again stays as it is.
          if (isKnown) return mounted
          throw asVolumeError('kubernetes.io/csi: mounter.SetUpAt failed', error)
        }
        publishedAt.set(target, now())
        return mounted
      }),
    expand: (pod, spec, bytes) =>
      locked(stageOf(spec.driver, spec.handle), async () => {
        const driver = driverOf(spec.driver)
        if (!driver.has('expandVolume')) return undefined
        const staged = driver.has('stageUnstageVolume') ? join(stageOf(spec.driver, spec.handle), 'globalmount') : ''
        const { capacityBytes } = await driver.channel
          .unary(
            csiNode.expand,
            {
              volumeId: spec.handle,
              volumePath: targetOf(pod.metadata.uid, spec.name),
              capacityRange: { requiredBytes: bytes },
              stagingTargetPath: staged,
              volumeCapability: capabilityOf(spec, driver, pod.spec.securityContext?.fsGroup),
              secrets: await secretsOf(spec.expandSecret),
            },
            { timeoutMs: callMs },
          )
          .catch((error: unknown) => {
            throw asVolumeError('NodeExpandVolume failed', error)
          })
        return capacityBytes === 0 ? bytes : capacityBytes
      }),
    unmountPod: async (podUid) => {
      for (const { path, data } of await volumesIn(paths.podVolumeKind(podUid, plugin))) {
        await locked(stageOf(data.driverName, data.volumeHandle), async () => {
          const target = join(path, targetName)
          const driver = driverOf(data.driverName)
          await driver.channel
            .unary(csiNode.unpublish, { volumeId: data.volumeHandle, targetPath: target }, { timeoutMs: callMs })
            .catch((error: unknown) => {
              throw asVolumeError('kubernetes.io/csi: Unmounter.TearDownAt failed', error)
            })
          publishedAt.delete(target)
          if ((await mountPointsUnder(path)).length > 0) throw new VolumeError(`${path} is still mounted`)
          await rm(path, { recursive: true, force: true })
          if (data.volumeLifecycleMode === 'Persistent') await unstageUnused(data.driverName, data.volumeHandle)
        })
      }
    },
    inUse: () => [...new Set(attached.values())].toSorted(),
  }
}

/** Bytes that the claim's file system is to grow to; undefined where it is as large as its volume. */
export const wantedGrowth = (
  claim: PersistentVolumeClaim,
  volumeBytes: number,
  claimBytes: number,
): number | undefined => {
  const isPending = claim.status?.conditions?.some(({ type }) => type === 'FileSystemResizePending') === true
  return isPending && volumeBytes > claimBytes ? volumeBytes : undefined
}
