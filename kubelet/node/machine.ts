/** Facts of the machine that a Node reports. */
import { readdir, readFile, statfs } from 'node:fs/promises'
import { arch, cpus, networkInterfaces, release, totalmem } from 'node:os'

export interface MachineInfo {
  readonly cpus: number
  readonly memoryBytes: number
  /** Huge pages by size as resource names spell it: `2Mi` to bytes. */
  readonly hugePages: Readonly<Record<string, number>>
  readonly machineID: string
  readonly systemUUID: string
  readonly bootID: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly architecture: string
}

const readText = async (path: string): Promise<string> => (await readFile(path, 'utf8').catch(() => '')).trim()

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

const hugePages = async (): Promise<Record<string, number>> => {
  const folder = '/sys/kernel/mm/hugepages'
  const names = await readdir(folder).catch((): string[] => [])
  const found: Record<string, number> = {}
  for (const name of names) {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1])
    if (!Number.isInteger(kib)) continue
    const pages = Number(await readText(`${folder}/${name}/nr_hugepages`))
    found[kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`] = pages * kib * 1024
  }
  return found
}

export const readMachineInfo = async (): Promise<MachineInfo> => {
  const [machineID, systemUUID, bootID, osRelease, pages] = await Promise.all([
    readText('/etc/machine-id'),
    readText('/sys/class/dmi/id/product_uuid'),
    readText('/proc/sys/kernel/random/boot_id'),
    readText('/etc/os-release'),
    hugePages(),
  ])
  return {
    cpus: cpus().length,
    memoryBytes: totalmem(),
    hugePages: pages,
    machineID,
    systemUUID: systemUUID === '' ? machineID : systemUUID,
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: architectures[arch()] ?? arch(),
  }
}

/** Size of the file system that holds the folder. */
export const fileSystemBytes = async (
  folder: string,
): Promise<{ total: number; available: number; inodes: number; freeInodes: number }> => {
  const { bsize, blocks, bavail, files, ffree } = await statfs(folder)
  return { total: bsize * blocks, available: bsize * bavail, inodes: files, freeInodes: ffree }
}

/** Addresses of this network namespace that others can reach, IPv4 first. */
export const hostAddresses = (): string[] => {
  const all = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:cni|docker|veth|br-|virbr)/.test(name))
    .flatMap(([, entries]) => entries ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  const [v4] = all.filter(({ family }) => family === 'IPv4')
  const [v6] = all.filter(({ family }) => family === 'IPv6')
  return [v4, v6].filter((entry) => entry !== undefined).map(({ address }) => address)
}
