/** Milliseconds of each unit of the grpc-timeout header. */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }
/** Beyond this setTimeout overflows; such a deadline is as good as none. */
const maxTimerMs = 2 ** 31 - 1

/** Parses grpc-timeout into milliseconds (at least 1); undefined if absent, malformed or beyond any timer. */
export const parseGrpcTimeout = (header: unknown): number | undefined => {
  if (typeof header !== 'string') return undefined
  const match = /^(\d{1,8})([HMSmun])$/.exec(header)
  if (match === null) return undefined
  const ms = Number(match[1]) * (unitMs[match[2] ?? ''] ?? 1)
  return ms > maxTimerMs ? undefined : Math.max(1, Math.ceil(ms))
}

/** Formats milliseconds for grpc-timeout: at most eight digits. */
export const formatGrpcTimeout = (ms: number): string => {
  const whole = Math.max(0, Math.ceil(ms))
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`
}
