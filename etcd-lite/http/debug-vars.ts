/** /debug/vars: Go's expvar, as far as this process has what it tells. */
import { maxFiles } from '../../component-base/metrics/metrics.ts'

/** Names of Go's runtime.MemStats for what Node counts too. */
const memoryStats = (): Readonly<Record<string, number>> => {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage()
  return { Alloc: heapUsed + external, HeapAlloc: heapUsed, HeapSys: heapTotal, OtherSys: arrayBuffers, Sys: rss }
}

export const debugVars = (): string => {
  const vars: [string, unknown][] = [
    ['cmdline', process.argv],
    ['file_descriptor_limit', maxFiles()],
    ['memstats', memoryStats()],
  ]
  return `{\n${vars.map(([name, value]) => `"${name}": ${JSON.stringify(value)}`).join(',\n')}\n}\n`
}
