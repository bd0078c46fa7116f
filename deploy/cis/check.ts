/** What a check of the benchmark is: an id, a line, and a function that looks at the cluster. */
import type { Evidence } from './evidence.ts'

/**
 * How a check ended, and why. `warn`: what users run, or what an administrator decided, is against the
 * recommendation. `manual`: nothing that can be looked at tells. `notApplicable`: there is no such thing here.
 */
export interface Verdict {
  readonly type: 'pass' | 'fail' | 'warn' | 'manual' | 'notApplicable'
  readonly detail: string
}

export interface Check {
  /** The benchmark's number. */
  readonly id: string
  readonly title: string
  readonly run: (evidence: Evidence) => Verdict | Promise<Verdict>
}

export interface Section {
  readonly id: string
  readonly title: string
  readonly checks: readonly Check[]
}

const verdict =
  (type: Verdict['type']) =>
  (detail = ''): Verdict => ({ type, detail })

export const pass = verdict('pass')
export const fail = verdict('fail')
export const warn = verdict('warn')
export const manual = verdict('manual')
export const notApplicable = verdict('notApplicable')

const mostShown = 3

/** The first few, and how many more there are. */
export const someOf = (items: readonly string[]): string => {
  const rest = items.length - mostShown
  return `${items.slice(0, mostShown).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}

/** Fails with the problems; passes with `detail` where there are none. */
export const failOn = (problems: readonly string[], detail = ''): Verdict =>
  problems.length === 0 ? pass(detail) : fail(someOf(problems))

/** The same for what an administrator has to judge. */
export const warnOn = (findings: readonly string[], detail = ''): Verdict =>
  findings.length === 0 ? pass(detail) : warn(someOf(findings))

/** What is wrong, or undefined. */
export type Problem = string | undefined

/** Fails with what is wrong, of several things to look at. */
export const failIfAny = (problems: readonly Problem[], detail = ''): Verdict =>
  failOn(
    problems.filter((problem) => problem !== undefined),
    detail,
  )
