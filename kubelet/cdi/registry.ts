/** The CDI specifications of this machine, read when a container asks for devices: drivers write them at any time. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { JSON_SCHEMA, load } from 'js-yaml'
import { asCdiSpec, type CdiSpec } from './spec.ts'

/** The latter's specifications win. */
const folders = ['/etc/cdi', '/var/run/cdi']

const readSpec = async (path: string): Promise<CdiSpec | undefined> => {
  try {
    return asCdiSpec(load(await readFile(path, 'utf8'), { schema: JSON_SCHEMA }))
  } catch {
    return undefined
  }
}

/** Files that cannot be read are passed over, as CDI wants it: what they specify is missed by name. */
export const readCdiSpecs = async (): Promise<CdiSpec[]> => {
  const specs: CdiSpec[] = []
  for (const folder of folders) {
    const names = await readdir(folder).catch((): string[] => [])
    for (const name of names.filter((file) => /\.(json|ya?ml)$/.test(file)).toSorted()) {
      const spec = await readSpec(join(folder, name))
      if (spec !== undefined) specs.push(spec)
    }
  }
  return specs
}
