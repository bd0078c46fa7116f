/**
 * What the kubelet must know of a mounted CSI volume to take it down, on disk beside its mount: a kubelet that starts
 * anew knows no Pod's volumes otherwise. Upstream's file and field names.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface VolumeData {
  readonly driverName: string
  readonly volumeHandle: string
  readonly specVolID: string
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral'
}

const fileName = 'vol_data.json'

export const writeVolumeData = async (folder: string, data: VolumeData): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o750 })
  await writeFile(join(folder, fileName), JSON.stringify(data), { mode: 0o600 })
}

const isVolumeData = (value: unknown): value is VolumeData =>
  typeof value === 'object' && value !== null && 'driverName' in value && 'volumeHandle' in value

/** Undefined where there is none, or none that can be read. */
export const readVolumeData = async (folder: string): Promise<VolumeData | undefined> => {
  try {
    const data: unknown = JSON.parse(await readFile(join(folder, fileName), 'utf8'))
    return isVolumeData(data) ? data : undefined
  } catch {
    return undefined
  }
}

/** All volumes below a folder with a folder for each. */
export const volumesIn = async (
  folder: string,
): Promise<readonly { readonly path: string; readonly data: VolumeData }[]> => {
  const names = await readdir(folder).catch((): string[] => [])
  const found = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), data: await readVolumeData(join(folder, name)) })),
  )
  return found.flatMap(({ path, data }) => (data === undefined ? [] : [{ path, data }]))
}
