const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001, µs: 0.001, μs: 0.001, ns: 0.000_001 } as const

const part = /(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)/g

/** Milliseconds of a Go duration such as `1m30s`, `250ms` or `0`; undefined if it is none. */
export const parseDuration = (text: string): number | undefined => {
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0
  if (body === '' || body.replace(part, '') !== '') return undefined
  let total = 0
  for (const [, amount, unit] of body.matchAll(part)) total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  return sign * total
}

/** Milliseconds of a duration, or Go's words for why it is none. */
export const parseGoDuration = (text: string): number | string => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  const isNumber = /^[-+]?\d+(\.\d*)?$/.test(text)
  return `time: ${isNumber ? 'missing unit in' : 'invalid'} duration ${JSON.stringify(text)}`
}

/** Go's text of a duration: `1m30s`, `1h0m0s`, `250ms`, `0s`. */
export const formatDuration = (ms: number): string => {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const abs = Math.abs(ms)
  if (abs < 1) return `${sign}${Number((abs * 1000).toFixed(3))}µs`
  if (abs < 1000) return `${sign}${Number(abs.toFixed(6))}ms`
  const hours = Math.floor(abs / 3_600_000)
  const minutes = Math.floor((abs % 3_600_000) / 60_000)
  const seconds = Number(((abs % 60_000) / 1000).toFixed(9))
  const showMinutes = hours > 0 || minutes > 0
  return `${sign}${hours > 0 ? `${hours}h` : ''}${showMinutes ? `${minutes}m` : ''}${seconds}s`
}
