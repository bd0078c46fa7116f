/** The stored form of ports in use: a RangeAllocation whose data is a big-endian number, bit n the n-th port. */

export interface PortRange {
  readonly first: number
  readonly last: number
}

const rangeText = /^(\d+)-(\d+)$/

/** The ports, whatever range they were stored for; none if the value is unreadable. */
export const decodePorts = (value: Buffer): ReadonlySet<number> => {
  const ports = new Set<number>()
  const stored: unknown = JSON.parse(value.toString('utf8'))
  if (typeof stored !== 'object' || stored === null || !('data' in stored) || !('range' in stored)) return ports
  if (typeof stored.data !== 'string' || typeof stored.range !== 'string') return ports
  const first = Number(rangeText.exec(stored.range)?.[1] ?? Number.NaN)
  if (Number.isNaN(first)) return ports
  for (const [index, byte] of [...Buffer.from(stored.data, 'base64')].toReversed().entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) ports.add(first + index * 8 + bit)
  }
  return ports
}

/** All `ports` lie in the range. */
export const encodePorts = (ports: ReadonlySet<number>, { first, last }: PortRange): Buffer => {
  const bytes = Buffer.alloc(Math.ceil((last - first + 1) / 8))
  for (const port of ports) {
    const bit = port - first
    const at = bytes.length - 1 - Math.floor(bit / 8)
    bytes[at] = (bytes[at] ?? 0) | (1 << (bit % 8))
  }
  const start = bytes.findIndex((byte) => byte !== 0)
  const data = (start < 0 ? Buffer.alloc(0) : bytes.subarray(start)).toString('base64')
  return Buffer.from(
    JSON.stringify({ kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: `${first}-${last}`, data }),
  )
}
