/** Health checks and upstream's text for them. */

/** Throws, or rejects, when the thing is not healthy; the message is logged, never shown. */
export type HealthCheck = () => void | Promise<void>

export interface HealthAnswer {
  readonly code: 200 | 404 | 500
  readonly text: string
}

/** `healthz` and `livez` may leave out what `readyz` must include: whether this process should get traffic now. */
export type HealthEndpoint = 'healthz' | 'livez' | 'readyz'

interface Entry {
  readonly name: string
  readonly check: HealthCheck
  readonly endpoints: ReadonlySet<HealthEndpoint>
}

const allEndpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz']

export class HealthChecks {
  readonly #entries: Entry[] = [{ name: 'ping', check: () => undefined, endpoints: new Set(allEndpoints) }]

  add(name: string, check: HealthCheck, endpoints: readonly HealthEndpoint[] = allEndpoints): void {
    this.#entries.push({ name, check, endpoints: new Set(endpoints) })
  }

  /** Answers `/readyz`, `/readyz/etcd`, `/readyz?verbose`, `/readyz?exclude=etcd`; undefined for any other path. */
  async answer(path: string, query: URLSearchParams): Promise<HealthAnswer | undefined> {
    const [, endpoint = '', only, ...rest] = path.replace(/\/$/, '').split('/')
    if (!(allEndpoints as readonly string[]).includes(endpoint) || rest.length > 0) return undefined
    const entries = this.#entries.filter((entry) => entry.endpoints.has(endpoint as HealthEndpoint))
    if (only !== undefined) {
      const entry = entries.find(({ name }) => name === only)
      if (entry === undefined) return { code: 404, text: '404 page not found\n' }
      const healthy = await passes(entry)
      return healthy
        ? { code: 200, text: 'ok' }
        : { code: 500, text: `internal server error: ${only}: reason withheld\n` }
    }
    const excluded = new Set(query.getAll('exclude'))
    const results = await Promise.all(
      entries.map(async (entry) => {
        if (excluded.has(entry.name)) return { line: `[+]${entry.name} excluded: ok`, healthy: true }
        const healthy = await passes(entry)
        return { line: healthy ? `[+]${entry.name} ok` : `[-]${entry.name} failed: reason withheld`, healthy }
      }),
    )
    const lines = results.map(({ line }) => line).join('\n')
    if (results.some(({ healthy }) => !healthy)) return { code: 500, text: `${lines}\n${endpoint} check failed\n` }
    return { code: 200, text: query.has('verbose') ? `${lines}\n${endpoint} check passed\n` : 'ok' }
  }
}

const passes = async (entry: Entry): Promise<boolean> => {
  try {
    await entry.check()
    return true
  } catch {
    return false
  }
}
