/** Health checks and upstream's text for them. */
import type { Logger } from '../logging/logger.ts'

/** Throws, or rejects, when the thing is not healthy; the message is logged, and shown where one check is asked for. */
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

type Result = { readonly name: string; readonly error: Error | undefined }

const allEndpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz']

/** What `/readyz/etcd` asks for: the endpoint, and the one check or undefined. */
const parsePath = (path: string): { endpoint: HealthEndpoint; only: string | undefined } | undefined => {
  const [, name, only] = /^\/([a-z]+)(?:\/(.+))?$/.exec(path) ?? []
  const endpoint = allEndpoints.find((known) => known === name)
  return endpoint === undefined ? undefined : { endpoint, only }
}

const runCheck = async ({ name, check }: Entry): Promise<Result> => {
  try {
    await check()
    return { name, error: undefined }
  } catch (error) {
    return { name, error: error instanceof Error ? error : new Error(String(error)) }
  }
}

const lineOf = ({ name, error }: Result): string =>
  error === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`

/** Names as upstream lists them in a warning: quoted, sorted, separated by commas. */
const quotedList = (names: Iterable<string>): string =>
  [...names]
    .map((name) => JSON.stringify(name))
    .sort()
    .join(',')

/** Hears of each check that ran for an endpoint. */
export type HealthObserver = (name: string, endpoint: HealthEndpoint, healthy: boolean) => void

export class HealthChecks {
  readonly #entries: Entry[] = [{ name: 'ping', check: () => undefined, endpoints: new Set(allEndpoints) }]
  readonly #log: Logger | undefined
  readonly #observe: HealthObserver | undefined

  constructor(log?: Logger, observe?: HealthObserver) {
    this.#log = log
    this.#observe = observe
  }

  /** `/healthz`, `/healthz/ping` …: what `answer` knows. */
  paths(): string[] {
    return allEndpoints.flatMap((endpoint) => [
      `/${endpoint}`,
      ...this.#entries.filter((entry) => entry.endpoints.has(endpoint)).map(({ name }) => `/${endpoint}/${name}`),
    ])
  }

  add(name: string, check: HealthCheck, endpoints: readonly HealthEndpoint[] = allEndpoints): void {
    this.#entries.push({ name, check, endpoints: new Set(endpoints) })
  }

  /** Answers `/readyz`, `/readyz/etcd`, `/readyz?verbose`, `/readyz?exclude=etcd`; undefined for any other path. */
  async answer(path: string, query: URLSearchParams): Promise<HealthAnswer | undefined> {
    const asked = parsePath(path)
    if (asked === undefined) return undefined
    const entries = this.#entries.filter((entry) => entry.endpoints.has(asked.endpoint))
    if (asked.only !== undefined) return this.#answerOne(entries.find(({ name }) => name === asked.only))
    return this.#answerAll(asked.endpoint, entries, query)
  }

  async #answerOne(entry: Entry | undefined): Promise<HealthAnswer> {
    if (entry === undefined) return { code: 404, text: '404 page not found\n' }
    const { error } = await runCheck(entry)
    return error === undefined
      ? { code: 200, text: 'ok' }
      : { code: 500, text: `internal server error: ${error.message}\n` }
  }

  async #answerAll(endpoint: HealthEndpoint, entries: Entry[], query: URLSearchParams): Promise<HealthAnswer> {
    const excluded = new Set(query.getAll('exclude'))
    const lines: string[] = []
    const failed: Result[] = []
    const results = new Map<string, Promise<Result>>()
    for (const entry of entries) if (!excluded.has(entry.name)) results.set(entry.name, runCheck(entry))
    for (const { name } of entries) {
      const result = await results.get(name)
      if (result !== undefined) this.#observe?.(name, endpoint, result.error === undefined)
      if (result?.error !== undefined) failed.push(result)
      lines.push(result === undefined ? `[+]${name} excluded: ok` : lineOf(result))
    }
    const unknown = [...excluded].filter((name) => entries.every((entry) => entry.name !== name))
    if (unknown.length > 0) {
      lines.push(`warn: some health checks cannot be excluded: no matches for ${quotedList(unknown)}`)
    }
    if (failed.length > 0) {
      const errors = Object.fromEntries(failed.map(({ name, error }) => [name, error?.message]))
      this.#log?.debug({ endpoint, errors }, 'health check failed')
      return { code: 500, text: `${lines.join('\n')}\n${endpoint} check failed\n` }
    }
    return { code: 200, text: query.has('verbose') ? `${lines.join('\n')}\n${endpoint} check passed\n` : 'ok' }
  }
}
