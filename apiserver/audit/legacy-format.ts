/** An event as one line of text: `--audit-log-format=legacy`, and how errors name the events that they hit. */
import { microTime } from '../../api/meta/time.ts'
import type { AuditEvent } from './event.ts'

const quoted = (text: string): string => JSON.stringify(text)
const list = (texts: readonly string[]): string => texts.map(quoted).join(',')

/** RFC 3339 with as many digits of the second as are needed, as Go's RFC3339Nano. */
const timeText = (ms: number): string => microTime(ms).replace(/\.?0*Z$/, 'Z')

const fallback = (text: string | undefined, otherwise: string): string =>
  text === undefined || text === '' ? otherwise : text

/** Upstream: audit.EventString. */
export const eventLine = (event: AuditEvent): string => {
  const { user, impersonatedUser: as } = event
  const named = user !== undefined && user.name !== ''
  const fields: readonly (readonly [string, string])[] = [
    ['id', event.auditID],
    ['stage', event.stage],
    ['ip', event.sourceIPs[0] ?? '<unknown>'],
    ['method', event.verb],
    ['user', named ? user.name : '<none>'],
    ['groups', named && user.groups.length > 0 ? list(user.groups) : '<none>'],
    ['as', as === undefined ? '<self>' : as.name],
    ['asgroups', as === undefined ? '<lookup>' : list(as.groups)],
    ['user-agent', event.userAgent],
    ['namespace', fallback(event.objectRef?.namespace, '<none>')],
    ['uri', event.requestURI],
    ['response', String(event.responseStatus?.code ?? (event.responseStatus === undefined ? '<deferred>' : 0))],
  ]
  const text = fields.map(([name, value]) => `${name}=${quoted(value)}`).join(' ')
  return `${timeText(event.requestReceivedMs)} AUDIT: ${text}`
}
