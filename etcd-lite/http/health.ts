/** /health, /livez and /readyz, as etcd 3.5.33 answers them. */
import { alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import { type HttpExchange, sendPlainError } from './exchange.ts'

export interface HealthSource {
  /** Active alarms, as of AlarmType. */
  readonly alarms: () => readonly number[]
  /** Reads something; throws when the store cannot serve. */
  readonly read: () => void | Promise<void>
}

/** What came of the checks, for the metrics. */
export interface HealthCounts {
  success: number
  failures: number
  /** By endpoint and check: the last result, and how often each. */
  readonly checks: Map<
    string,
    { readonly type: string; readonly name: string; success: number; error: number; ok: boolean }
  >
}

export const newHealthCounts = (): HealthCounts => ({ success: 0, failures: 0, checks: new Map() })

type Check = (source: HealthSource) => void | Promise<void>

const readCheck: Check = (source) => source.read()
const corruptionCheck: Check = ({ alarms }) => {
  if (alarms().includes(alarmType.corrupt)) throw new Error('alarm activated: CORRUPT')
}

/** A single member reads what is on its disk: both kinds of read are the same one. It is never a learner. */
const checks: Readonly<Record<'livez' | 'readyz', Readonly<Record<string, Check>>>> = {
  livez: { serializable_read: readCheck },
  readyz: {
    data_corruption: corruptionCheck,
    serializable_read: readCheck,
    linearizable_read: readCheck,
    non_learner: () => {},
  },
}

const messageOf = (err: unknown): string => (err instanceof Error ? err.message : String(err))

const alarmReasons = new Map<number, string>([
  [alarmType.noSpace, 'ALARM NOSPACE'],
  [alarmType.corrupt, 'ALARM CORRUPT'],
])
const alarmNames = new Map<number, string>([
  [alarmType.noSpace, 'NOSPACE'],
  [alarmType.corrupt, 'CORRUPT'],
])

/** The reason why the member is not healthy; '' if it is. */
const unhealthyReason = async (source: HealthSource, excluded: ReadonlySet<string>): Promise<string> => {
  const alarm = source.alarms().find((active) => !excluded.has(alarmNames.get(active) ?? ''))
  if (alarm !== undefined) return alarmReasons.get(alarm) ?? 'ALARM UNKNOWN'
  try {
    await source.read()
    return ''
  } catch (err) {
    return `RANGE ERROR:${messageOf(err)}`
  }
}

const onlyGet = (exchange: HttpExchange): boolean => {
  if (exchange.method === 'GET') return true
  exchange.setHeader('allow', 'GET')
  sendPlainError(exchange, 405, 'Method Not Allowed')
  return false
}

const excludedOf = (query: URLSearchParams): Set<string> =>
  new Set(query.getAll('exclude').filter((name) => name !== ''))

export interface HealthHandlerDeps {
  readonly source: HealthSource
  readonly counts: HealthCounts
}

const answerHealth = async (
  exchange: HttpExchange,
  query: URLSearchParams,
  { source, counts }: HealthHandlerDeps,
): Promise<void> => {
  const reason = await unhealthyReason(source, excludedOf(query))
  if (reason === '') counts.success++
  else counts.failures++
  const text = JSON.stringify({ health: String(reason === ''), reason })
  if (reason === '') exchange.send(200, { 'content-type': 'text/plain; charset=utf-8' }, text)
  else sendPlainError(exchange, 503, text)
}

const runChecks = async (
  type: 'livez' | 'readyz',
  names: readonly string[],
  { source, counts }: HealthHandlerDeps,
): Promise<{ readonly ok: boolean; readonly text: string }> => {
  const lines: string[] = []
  let healthy = true
  for (const name of names) {
    const count = counts.checks.get(`${type}/${name}`) ?? { type, name, success: 0, error: 0, ok: true }
    counts.checks.set(`${type}/${name}`, count)
    try {
      await checks[type][name]?.(source)
      count.ok = true
      count.success++
      lines.push(`[+]${name} ok\n`)
    } catch (err) {
      count.ok = false
      count.error++
      healthy = false
      lines.push(`[-]${name} failed: ${messageOf(err)}\n`)
    }
  }
  return { ok: healthy, text: lines.join('') }
}

/** Answers the health endpoints; false for any other path. */
export const answeredByHealth = async (exchange: HttpExchange, url: URL, deps: HealthHandlerDeps): Promise<boolean> => {
  if (url.pathname === '/health') {
    if (onlyGet(exchange)) await answerHealth(exchange, url.searchParams, deps)
    return true
  }
  const [, type, name] = /^\/(livez|readyz)(?:\/([a-z_]+))?$/.exec(url.pathname) ?? []
  if (type !== 'livez' && type !== 'readyz') return false
  const known = Object.keys(checks[type])
  if (name !== undefined && !known.includes(name)) return false
  if (!onlyGet(exchange)) return true
  const excluded = excludedOf(url.searchParams)
  const wanted = name === undefined ? known.filter((check) => !excluded.has(check)) : [name]
  const { ok, text } = await runChecks(type, wanted, deps)
  if (!ok) sendPlainError(exchange, 503, text)
  else {
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
    exchange.send(200, headers, `${url.searchParams.has('verbose') ? text : ''}ok\n`)
  }
  return true
}
