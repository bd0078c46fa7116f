/** Container Device Interface: what a device by its qualified name adds to a container. Pure. Upstream: cncf.io/container-device-interface. */

export interface ContainerEdits {
  /** `NAME=value`. */
  readonly env?: readonly string[]
  readonly deviceNodes?: readonly {
    readonly path: string
    readonly hostPath?: string
    readonly permissions?: string
  }[]
  readonly mounts?: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly options?: readonly string[]
  }[]
  readonly additionalGids?: readonly number[]
  readonly hooks?: readonly unknown[]
  readonly intelRdt?: unknown
}

/** A file of /etc/cdi or /var/run/cdi. */
export interface CdiSpec {
  readonly kind: string
  readonly devices: readonly { readonly name: string; readonly containerEdits?: ContainerEdits }[]
  readonly containerEdits?: ContainerEdits
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Undefined where it is no CDI specification. */
export const asCdiSpec = (value: unknown): CdiSpec | undefined => {
  if (!isRecord(value) || typeof value['kind'] !== 'string' || !Array.isArray(value['devices'])) return undefined
  const named = value['devices'].every((device) => isRecord(device) && typeof device['name'] === 'string')
  return named ? (value as unknown as CdiSpec) : undefined
}

/** `vendor.com/class=device`. */
const qualifiedName = /^([A-Za-z0-9][A-Za-z0-9_.-]*\/[A-Za-z0-9][A-Za-z0-9_-]*)=([A-Za-z0-9][A-Za-z0-9_.:-]*)$/

/**
 * The edits of all devices, in order, and once those of the specifications that they are from. Later specifications of
 * a kind win. Throws naming the devices that nobody specifies.
 */
export const editsOf = (specs: readonly CdiSpec[], devices: readonly string[]): ContainerEdits[] => {
  const edits: ContainerEdits[] = []
  const used = new Set<CdiSpec>()
  const unknown: string[] = []
  for (const qualified of new Set(devices)) {
    const [, kind, name] = qualifiedName.exec(qualified) ?? []
    const spec = specs.findLast((one) => one.kind === kind && one.devices.some((device) => device.name === name))
    const device = spec?.devices.find((one) => one.name === name)
    if (spec === undefined || device === undefined) {
      unknown.push(qualified)
      continue
    }
    if (!used.has(spec) && spec.containerEdits !== undefined) edits.push(spec.containerEdits)
    used.add(spec)
    if (device.containerEdits !== undefined) edits.push(device.containerEdits)
  }
  if (unknown.length > 0) throw new Error(`CDI device injection failed: unresolvable CDI devices ${unknown.join(', ')}`)
  return edits
}
