/** What a constrained impersonation may have as extra. Upstream: validateExtra */
import { domainPrefixedPath } from '../../api/meta/checks.ts'

/** The first thing that is wrong. */
export const extraProblem = (extra: Readonly<Record<string, readonly string[]>>): string | undefined => {
  for (const [key, values] of Object.entries(extra)) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed'
    const [error] = domainPrefixedPath('extra.key', key)
    if (error !== undefined) {
      return `impersonating an invalid key in extra is not allowed: ${error.field}: ${error.detail}`
    }
    if (key !== key.toLowerCase()) {
      return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`
    }
    if (values.length === 0) return 'impersonating empty values in extra is not allowed'
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed'
  }
  return undefined
}
