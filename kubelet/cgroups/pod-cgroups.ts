/**
 * The cgroups of this node's Pods: `<cgroupRoot>/kubepods`, below it the classes of service, below those the Pods. The
 * engine makes a Pod's when its sandbox starts, and leaves it behind; what is in it is written here. Both versions of
 * cgroups. Upstream: pkg/kubelet/cm.
 */
import { constants } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qosClass } from '../../api/meta/pods.ts'
import type { BoundPod } from '../pod.ts'
import {
  allPodsLimits,
  type CgroupFile,
  type CgroupLimits,
  cgroupFiles,
  type CgroupName,
  cgroupName,
  type NodeReserve,
  podCgroupLimits,
  qosCgroupLimits,
} from './settings.ts'

export interface PodCgroups {
  /** As the engine is told; '' for its own place. */
  parentOf(pod: BoundPod): string
  /** Sets what the Pod may have, once its sandbox runs. False where the kernel does not keep it. */
  apply(pod: BoundPod): Promise<boolean>
  /** Takes limits of the Pod away for a moment: its containers cannot be given more than it has. */
  relax(pod: BoundPod): Promise<void>
  /** Weighs the classes of service by their Pods. */
  updateClasses(pods: readonly BoundPod[]): Promise<void>
  /** Limits all Pods together to what is not reserved. Throws where that cannot be. */
  enforceAllocatable(reserve: NodeReserve): Promise<void>
  /** Removes what is left of a Pod's cgroup, whatever its class was. */
  remove(podUid: string): Promise<void>
  /** Processes of a Pod; 0 where none are counted. */
  processes(podUid: string): Promise<number>
  /** Undefined where there is no such cgroup, or it has no limit. */
  allPodsMemory(): Promise<{ readonly limitBytes: number; readonly workingSetBytes: number } | undefined>
}

export interface PodCgroupsOptions {
  /** KubeletConfiguration.cgroupRoot: '' or `/a/b`. */
  readonly root: string
  /** Of the engine: 'cgroupfs' or 'systemd'. */
  readonly driver: string
  /** cgroupsPerQOS: without it Pods are wherever the engine puts them. */
  readonly enabled: boolean
  /** Processes of a Pod; 0 or less is no limit. */
  readonly podPidsLimit: number
  /** Where the kernel shows cgroups. */
  readonly mount?: string
}

/** A limit that the kernel has for none. */
const unlimitedBytes = 2 ** 62
const qosFolders = ['', 'burstable', 'besteffort'] as const
/** Never a new one: only the kernel makes files here. */
const existingFile = constants.O_WRONLY | constants.O_TRUNC
const usedControllers = ['cpu', 'memory', 'pids'] as const

/** Deepest first; a cgroup with processes stays. */
const removeTree = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name))
  await rmdir(folder).catch(() => undefined)
}

const readNumber = async (path: string): Promise<number | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text === '' || text.startsWith('max') ? undefined : Number(text)
}

export const createPodCgroups = (options: PodCgroupsOptions): PodCgroups => {
  const { driver, enabled, podPidsLimit, mount = '/sys/fs/cgroup' } = options
  const top = [...options.root.split('/').filter((part) => part !== ''), 'kubepods']
  const podsCgroup = cgroupName(top, driver)
  const classCgroup = (qos: string): CgroupName => cgroupName(qos === '' ? top : [...top, qos], driver)
  const podCgroup = (uid: string, qos: string): CgroupName =>
    cgroupName([...top, ...(qos === '' ? [] : [qos]), `pod${uid}`], driver)
  const classOf = (pod: BoundPod): string => {
    const qos = qosClass(pod)
    return qos === 'Guaranteed' ? '' : qos.toLowerCase()
  }
  const nameOf = (pod: BoundPod): CgroupName => podCgroup(pod.metadata.uid, classOf(pod))

  const looking = readdir(mount, { withFileTypes: true }).catch(() => [])
  const version = looking.then((entries): 1 | 2 => (entries.some(({ name }) => name === 'cgroup.controllers') ? 2 : 1))
  /** One hierarchy in v2, one for each controller in v1. */
  const hierarchyOf = async (controller: string): Promise<string> =>
    (await version) === 2 ? mount : join(mount, controller)
  const hierarchies = async (): Promise<string[]> => {
    if ((await version) === 2) return [mount]
    return (await looking).filter((entry) => entry.isDirectory()).map(({ name }) => join(mount, name))
  }

  const write = async ({ path }: CgroupName, { controller, file, value }: CgroupFile): Promise<void> =>
    writeFile(join(await hierarchyOf(controller), path, file), value, { flag: existingFile })

  /** In order; the first that fails is thrown after all were tried. */
  const writeAll = async (name: CgroupName, limits: CgroupLimits): Promise<void> => {
    const errors: unknown[] = []
    for (const file of cgroupFiles(limits, await version)) {
      await write(name, file).catch((error: unknown) => errors.push(error))
    }
    if (errors.length > 0) throw errors[0]
  }

  /** v2 gives controllers to children only where their parent says so. */
  const enableControllers = async (path: string): Promise<void> => {
    const parts = path.split('/')
    for (let depth = 0; depth < parts.length; depth++) {
      const folder = join(mount, ...parts.slice(0, depth))
      for (const controller of usedControllers) {
        await writeFile(join(folder, 'cgroup.subtree_control'), `+${controller}`, { flag: existingFile }).catch(
          () => undefined,
        )
      }
    }
  }

  const ensure = async ({ path }: CgroupName): Promise<void> => {
    const folders = await Promise.all(
      usedControllers.map(async (controller) => join(await hierarchyOf(controller), path)),
    )
    for (const folder of new Set(folders)) await mkdir(folder, { recursive: true })
    if ((await version) === 2) await enableControllers(path)
  }

  const places = async (podUid: string): Promise<string[]> => {
    const roots = await hierarchies()
    return roots.flatMap((root) => qosFolders.map((qos) => join(root, podCgroup(podUid, qos).path)))
  }

  const memoryOf = async (folder: string) => {
    const [v2Limit, v1Limit, v2Usage, v1Usage, stat] = await Promise.all([
      readNumber(join(folder, 'memory.max')),
      readNumber(join(folder, 'memory.limit_in_bytes')),
      readNumber(join(folder, 'memory.current')),
      readNumber(join(folder, 'memory.usage_in_bytes')),
      readFile(join(folder, 'memory.stat'), 'utf8').catch(() => ''),
    ])
    const limitBytes = v2Limit ?? v1Limit
    const usage = v2Usage ?? v1Usage
    if (limitBytes === undefined || limitBytes >= unlimitedBytes || usage === undefined) return undefined
    const name = v2Usage === undefined ? 'total_inactive_file' : 'inactive_file'
    const inactive = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
    return { limitBytes, workingSetBytes: Math.max(0, usage - inactive) }
  }

  return {
    parentOf: (pod) => (enabled ? nameOf(pod).parent : ''),
    apply: async (pod) => {
      if (!enabled) return true
      return writeAll(nameOf(pod), podCgroupLimits(pod, podPidsLimit)).then(
        () => true,
        () => false,
      )
    },
    relax: async (pod) => {
      if (!enabled || qosClass(pod) === 'BestEffort') return
      await writeAll(nameOf(pod), { cpuQuota: 'none', memoryBytes: 'none' }).catch(() => undefined)
    },
    updateClasses: async (pods) => {
      if (!enabled) return
      const classes = qosCgroupLimits(pods)
      for (const [qos, limits] of Object.entries(classes)) {
        // A class without Pods has no cgroup yet.
        await writeAll(classCgroup(qos), limits).catch(() => undefined)
      }
    },
    enforceAllocatable: async (reserve) => {
      if (!enabled) return
      await ensure(podsCgroup)
      await writeAll(podsCgroup, allPodsLimits(reserve))
    },
    remove: async (podUid) => {
      await Promise.all((await places(podUid)).map(removeTree))
    },
    processes: async (podUid) => {
      const root = await hierarchyOf('pids')
      const counts = await Promise.all(
        qosFolders.map((qos) => readNumber(join(root, podCgroup(podUid, qos).path, 'pids.current'))),
      )
      return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
    },
    allPodsMemory: async () => memoryOf(join(await hierarchyOf('memory'), podsCgroup.path)),
  }
}
