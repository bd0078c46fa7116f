/** Answers of two servers, made comparable: what may differ is named, everything else stays. */

export interface Naming {
  /** The revision that counts as zero. */
  readonly base: number
  readonly granted: readonly bigint[]
}

/** Seconds that a lease's remaining time may lie behind its full time and still count as full. */
const freshSeconds = 3

const revisions: ReadonlySet<string> = new Set(['revision', 'createRevision', 'modRevision', 'compactRevision'])
const identities: ReadonlySet<string> = new Set(['clusterId', 'memberId', 'raftTerm'])
const leases: ReadonlySet<string> = new Set(['lease', 'ID'])

const field = (name: string, value: unknown, naming: Naming): unknown => {
  if (revisions.has(name)) return value === 0 || value === -1 ? `none: ${value}` : Number(value) - naming.base
  if (identities.has(name)) return Number(value) === 0 ? 'none' : 'some'
  if (leases.has(name)) {
    const index = naming.granted.indexOf(value as bigint)
    return index === -1 ? String(value) : `granted${index}`
  }
  // The keys of a lease: etcd walks a Go map, whose order is none.
  if (name === 'keys') return (normalise(value, naming) as string[]).toSorted()
  return normalise(value, naming)
}

export const normalise = (value: unknown, naming: Naming): unknown => {
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (Array.isArray(value)) return value.map((item) => normalise(item, naming))
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  const named = Object.fromEntries(entries.map(([name, item]) => [name, field(name, item, naming)]))
  const { TTL, grantedTTL } = named
  if (
    typeof TTL === 'number' &&
    typeof grantedTTL === 'number' &&
    TTL <= grantedTTL &&
    TTL >= grantedTTL - freshSeconds
  ) {
    named['TTL'] = 'fresh'
  }
  return named
}
