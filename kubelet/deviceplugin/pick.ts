/** Which devices a container gets. Pure. Upstream: devicesToAllocate. */

export interface PickRequest {
  readonly resource: string
  readonly count: number
  /** Of init containers of the same Pod that have ended by then: taken first. */
  readonly reusable: readonly string[]
  readonly healthy: readonly string[]
  /** By any container. */
  readonly inUse: ReadonlySet<string>
}

export interface Picked {
  /** What it gets in any case. */
  readonly must: readonly string[]
  /** Of these, so many more. */
  readonly available: readonly string[]
  readonly more: number
}

/** Throws in upstream's words where there are too few. */
export const pickDevices = ({ resource, count, reusable, healthy, inUse }: PickRequest): Picked => {
  const must = reusable.slice(0, count)
  const available = healthy.filter((id) => !inUse.has(id) && !must.includes(id)).toSorted()
  const more = count - must.length
  if (available.length < more) {
    throw new Error(
      `requested number of devices unavailable for ${resource}. Requested: ${more}, Available: ${available.length}`,
    )
  }
  return { must, available, more }
}

/** What the plugin prefers of that, filled up where it said too little or what it must not. */
export const withPreference = ({ must, available, more }: Picked, preferred: readonly string[]): string[] => {
  const wanted = preferred.filter((id) => available.includes(id))
  const rest = available.filter((id) => !wanted.includes(id))
  return [...must, ...[...new Set([...wanted, ...rest])].slice(0, more)]
}
