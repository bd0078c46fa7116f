/** Versions of an API, the one to prefer first: v2, v1, v1beta2, v1alpha1, others. Upstream: CompareKubeAwareVersionStrings */

const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/
const stability = { alpha: 0, beta: 1, stable: 2 } as const

const rankOf = (version: string): readonly [number, number, number] | undefined => {
  const match = form.exec(version)
  if (match === null) return undefined
  const [, major = '', stage = 'stable', minor = '0'] = match
  return [stability[stage as keyof typeof stability], Number(major), Number(minor)]
}

/** For sorting. */
export const compareVersions = (a: string, b: string): number => {
  const [x, y] = [rankOf(a), rankOf(b)]
  if (x === undefined || y === undefined) {
    if (x !== y) return x === undefined ? 1 : -1
    return a < b ? -1 : a > b ? 1 : 0
  }
  for (const [index, value] of x.entries()) {
    const other = y[index] ?? 0
    if (value !== other) return other - value
  }
  return 0
}
