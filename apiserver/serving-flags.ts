/** What kube-apiserver refuses in its serving flags. Upstream: ServerRunOptions.Validate. */
import type { FlagValues } from '../component-base/flags/flags.ts'
import { UsageError } from '../component-base/process/run.ts'
import type { flagSpecs } from './options.ts'

const noNegatives = [
  'max-requests-inflight',
  'max-mutating-requests-inflight',
  'request-timeout',
  'min-request-timeout',
  'shutdown-delay-duration',
] as const

const maxGoawayChance = 0.02

const directiveError = (directive: string): string | undefined => {
  if (directive.trim() === '') return 'empty value in strict-transport-security-directives'
  if (directive === 'includeSubDomains' || directive === 'preload' || /^max-age=[^=]*$/.test(directive))
    return undefined
  return '--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information'
}

/** Throws UsageError with all that is wrong. */
export const checkServingFlags = (flags: FlagValues<typeof flagSpecs>): void => {
  const errors: string[] = noNegatives
    .filter((name) => flags[name] < 0)
    .map((name) => `--${name} can not be negative value`)
  const chance = flags['goaway-chance']
  if (chance < 0 || chance > maxGoawayChance) {
    errors.push('--goaway-chance can not be less than 0 or greater than 0.02')
  }
  if (flags['http2-max-streams-per-connection'] < 0) {
    errors.push('--http2-max-streams-per-connection can not be negative value')
  }
  for (const directive of flags['strict-transport-security-directives']) {
    const error = directiveError(directive)
    if (error !== undefined) errors.push(error)
  }
  const [reading, mutating] = [flags['max-requests-inflight'], flags['max-mutating-requests-inflight']]
  if (flags['enable-priority-and-fairness'] && reading + mutating <= 0) {
    errors.push(
      `invalid configuration: MaxRequestsInFlight=${reading} and MaxMutatingRequestsInFlight=${mutating}; they must add up to something positive`,
    )
  }
  if (errors.length === 1) throw new UsageError(errors[0] ?? '')
  if (errors.length > 1) throw new UsageError(`[${errors.join(', ')}]`)
}
