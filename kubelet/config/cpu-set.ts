/** Sets of CPUs as Linux writes them: `0-3,7`. Upstream: k8s.io/utils/cpuset */

const maxRange = 65_536

/** The CPUs, or Go's words for why it is none. */
export const parseCpuSet = (text: string): ReadonlySet<number> | string => {
  const cpus = new Set<number>()
  if (text === '') return cpus
  for (const range of text.split(',')) {
    const bounds = range.split('-')
    const bad = bounds.find((bound) => !/^\d+$/.test(bound))
    if (bad !== undefined) return `strconv.Atoi: parsing ${JSON.stringify(bad)}: invalid syntax`
    const [first = 0, last = first] = bounds.map(Number)
    if (last < first) return `invalid range ${JSON.stringify(range)} (${last} < ${first})`
    if (last - first > maxRange) return `range ${JSON.stringify(range)} is too large`
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu)
  }
  return cpus
}
