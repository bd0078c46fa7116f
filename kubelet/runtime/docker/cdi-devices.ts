/** CDI devices for an engine that knows nothing of them: their edits become parts of the container's configuration. */
import { readCdiSpecs } from '../../cdi/registry.ts'
import { type ContainerEdits, editsOf } from '../../cdi/spec.ts'
import type { ContainerConfig, Mount } from '../runtime-service.ts'

const mountOf = ({ hostPath, containerPath, options = [] }: NonNullable<ContainerEdits['mounts']>[number]): Mount => ({
  hostPath,
  containerPath,
  readOnly: options.includes('ro'),
  recursiveReadOnly: false,
  propagation: options.includes('rshared')
    ? 'bidirectional'
    : options.includes('rslave')
      ? 'hostToContainer'
      : 'private',
})

/** Pure. Throws where an edit asks for what only the runtime itself could do. */
export const withEdits = (config: ContainerConfig, edits: readonly ContainerEdits[]): ContainerConfig => {
  for (const { hooks = [], intelRdt } of edits) {
    if (hooks.length > 0) throw new Error('CDI device injection failed: this engine cannot run hooks of CDI devices')
    if (intelRdt !== undefined) throw new Error('CDI device injection failed: this engine knows no Intel RDT')
  }
  const env = edits
    .flatMap((edit) => edit.env ?? [])
    .map((text) => {
      const [name = '', ...value] = text.split('=')
      return { name, value: value.join('=') }
    })
  const devices = edits
    .flatMap((edit) => edit.deviceNodes ?? [])
    .map(({ path, hostPath, permissions }) => ({
      hostPath: hostPath ?? path,
      containerPath: path,
      permissions: permissions ?? 'rw',
    }))
  return {
    ...config,
    env: [...config.env.filter(({ name }) => !env.some((other) => other.name === name)), ...env],
    devices: [...config.devices, ...devices],
    mounts: [...config.mounts, ...edits.flatMap((edit) => edit.mounts ?? []).map(mountOf)],
    security: {
      ...config.security,
      supplementalGroups: [
        ...config.security.supplementalGroups,
        ...edits.flatMap((edit) => edit.additionalGids ?? []).filter((gid) => gid !== 0),
      ],
    },
  }
}

/** Rejects where a device is specified nowhere. */
export const withCdiDevices = async (config: ContainerConfig): Promise<ContainerConfig> =>
  config.cdiDevices.length === 0 ? config : withEdits(config, editsOf(await readCdiSpecs(), config.cdiDevices))
