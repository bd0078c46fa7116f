/**
 * What kubelets tell of resource use, and what follows from two tellings: cores are a counter's growth. Pure.
 * Upstream: kubernetes-sigs/metrics-server, pkg/scraper and pkg/storage.
 */

/** One reading of one counter and one gauge. */
export interface Reading {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly atMs: number
}

/** Everything that one kubelet told at one time. */
export interface NodeSample {
  readonly node: Reading | undefined
  /** By `namespace/pod`, then by container. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, Reading>>
}

export interface Usage {
  readonly nanocores: number
  readonly memoryBytes: number
  readonly atMs: number
  readonly windowMs: number
}

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly atMs: number | undefined
}

const linePattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$/
const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

const parseLine = (text: string): Line | undefined => {
  const match = linePattern.exec(text)
  if (match === null) return undefined
  const [, name = '', labels = '', value, at] = match
  const found = [...labels.matchAll(labelPattern)].map(
    ([, label = '', quoted = '']) => [label, JSON.parse(`"${quoted}"`) as string] as const,
  )
  return {
    name,
    labels: Object.fromEntries(found),
    value: Number(value),
    atMs: at === undefined ? undefined : Number(at),
  }
}

/** A reading whose lines have not all come. */
type Unfinished = { -readonly [Name in keyof Reading]?: Reading[Name] }

const whole = ({ cpuSeconds, memoryBytes, atMs }: Unfinished): Reading | undefined =>
  cpuSeconds === undefined || memoryBytes === undefined || atMs === undefined
    ? undefined
    : { cpuSeconds, memoryBytes, atMs }

/** Reads the body of a kubelet's /metrics/resource. `nowMs` counts where it gives no time. */
export const parseResourceMetrics = (body: string, nowMs: number): NodeSample => {
  const node: Unfinished = {}
  const pods = new Map<string, Map<string, Unfinished>>()
  const containerOf = ({ namespace = '', pod = '', container = '' }: Line['labels']): Unfinished => {
    const key = `${namespace}/${pod}`
    let containers = pods.get(key)
    if (containers === undefined) pods.set(key, (containers = new Map()))
    let reading = containers.get(container)
    if (reading === undefined) containers.set(container, (reading = {}))
    return reading
  }
  for (const text of body.split('\n')) {
    if (text === '' || text.startsWith('#')) continue
    const line = parseLine(text)
    if (line === undefined) continue
    const atMs = line.atMs ?? nowMs
    switch (line.name) {
      case 'node_cpu_usage_seconds_total':
        Object.assign(node, { cpuSeconds: line.value, atMs })
        break
      case 'node_memory_working_set_bytes':
        Object.assign(node, { memoryBytes: line.value, atMs })
        break
      case 'container_cpu_usage_seconds_total':
        Object.assign(containerOf(line.labels), { cpuSeconds: line.value, atMs })
        break
      case 'container_memory_working_set_bytes':
        Object.assign(containerOf(line.labels), { memoryBytes: line.value, atMs })
        break
    }
  }
  const complete = [...pods].map(([key, containers]) => {
    const readings = [...containers].flatMap(([name, reading]) => {
      const read = whole(reading)
      return read === undefined ? [] : [[name, read] as const]
    })
    return [key, new Map(readings)] as const
  })
  return { node: whole(node), pods: new Map(complete) }
}

/** undefined where nothing can be told: no time between them, or a counter that began again. */
export const usageBetween = (before: Reading | undefined, after: Reading | undefined): Usage | undefined => {
  if (before === undefined || after === undefined) return undefined
  const windowMs = after.atMs - before.atMs
  const seconds = after.cpuSeconds - before.cpuSeconds
  if (windowMs <= 0 || seconds < 0) return undefined
  return {
    nanocores: Math.round((seconds * 1e12) / windowMs),
    memoryBytes: after.memoryBytes,
    atMs: after.atMs,
    windowMs,
  }
}

/** Use of each container of a Pod; undefined unless all of them are known. */
export const podUsage = (
  before: NodeSample,
  after: NodeSample,
  key: string,
): ReadonlyMap<string, Usage> | undefined => {
  const containers = after.pods.get(key)
  if (containers === undefined || containers.size === 0) return undefined
  const usages = new Map<string, Usage>()
  for (const [name, reading] of containers) {
    const usage = usageBetween(before.pods.get(key)?.get(name), reading)
    if (usage === undefined) return undefined
    usages.set(name, usage)
  }
  return usages
}
