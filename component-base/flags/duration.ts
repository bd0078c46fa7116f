const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 } as const

/** Milliseconds of a Go duration such as `1m30s`, `250ms` or `0`; undefined if it is none. */
export const parseDuration = (text: string): number | undefined => {
  if (text === '0') return 0
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[-+]/, '')
  if (!/^(\d+(\.\d*)?(h|ms|m|s|us|µs|ns))+$/.test(body)) return undefined
  let total = 0
  for (const [, amount, unit] of body.matchAll(/(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  }
  return sign * total
}
