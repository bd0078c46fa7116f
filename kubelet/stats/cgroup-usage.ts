/**
 * What a container uses, from its cgroup: what cadvisor reads for upstream's kubelet. The engine's own figures are
 * slower to get, and some engines have none. Both versions of cgroups.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface CgroupUsage {
  readonly cpuNanoSeconds: number
  readonly memoryBytes: number
  /** Without pages of files that the kernel can drop at once. */
  readonly workingSetBytes: number
}

/** Where the files of a process' cgroup are. */
export interface CgroupPlace {
  readonly version: 1 | 2
  readonly cpu: string
  readonly memory: string
}

const mount = '/sys/fs/cgroup'

/** Reads /proc/PID/cgroup. undefined where one of the two is not accounted. */
export const placeOf = (procCgroup: string, root = mount): CgroupPlace | undefined => {
  const lines = procCgroup.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
  const directory = (controller: string): string | undefined => {
    const found = lines.find((match) => match?.[1]?.split(',').includes(controller))
    return found?.[1] === undefined ? undefined : join(root, found[1], found[2] ?? '')
  }
  const [cpu, memory] = [directory('cpuacct'), directory('memory')]
  if (cpu !== undefined && memory !== undefined) return { version: 1, cpu, memory }
  const unified = lines.find((match) => match?.[1] === '')?.[2]
  if (unified === undefined || cpu !== undefined || memory !== undefined) return undefined
  return { version: 2, cpu: join(root, unified), memory: join(root, unified) }
}

const fieldOf = (text: string, name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)

const read = (directory: string, file: string): Promise<string> => readFile(join(directory, file), 'utf8')

/** Throws where the cgroup is gone. */
export const readUsage = async ({ version, cpu, memory }: CgroupPlace): Promise<CgroupUsage> => {
  const [cpuText, usageText, stat] = await Promise.all(
    version === 1
      ? [read(cpu, 'cpuacct.usage'), read(memory, 'memory.usage_in_bytes'), read(memory, 'memory.stat')]
      : [read(cpu, 'cpu.stat'), read(memory, 'memory.current'), read(memory, 'memory.stat')],
  )
  const memoryBytes = Number(usageText)
  const inactive = fieldOf(stat, version === 1 ? 'total_inactive_file' : 'inactive_file')
  return {
    cpuNanoSeconds: version === 1 ? Number(cpuText) : fieldOf(cpuText, 'usage_usec') * 1000,
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - inactive),
  }
}
