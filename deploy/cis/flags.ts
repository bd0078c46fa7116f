/** What a flag of a running process should say. Each judge answers what is wrong, or undefined. */
import { existsSync } from 'node:fs'
import { type Check, failIfAny, type Problem } from './check.ts'
import type { Evidence } from './evidence.ts'
import { listFlag, type ProcessEvidence } from './process-evidence.ts'

export type Judge = (process: ProcessEvidence) => Problem

const valueOf = ({ flags }: ProcessEvidence, flag: string): string | undefined =>
  flags.get(flag) === '' ? undefined : flags.get(flag)

/** The value as people see it. */
const shown = (flag: string, value: string | undefined): string =>
  value === undefined ? `--${flag} is not set` : `--${flag}=${value}`

export const isSet =
  (flag: string): Judge =>
  (process) =>
    valueOf(process, flag) === undefined ? `--${flag} is not set` : undefined

export const isNotSet =
  (flag: string): Judge =>
  (process) =>
    valueOf(process, flag) === undefined ? undefined : `--${flag} is set`

/** Names a file that is there. */
export const namesFile =
  (flag: string): Judge =>
  (process) => {
    const path = valueOf(process, flag)
    if (path === undefined) return `--${flag} is not set`
    return existsSync(path) ? undefined : `--${flag}: ${path} does not exist`
  }

/** `byDefault` is what the flag means when it is not set. */
export const is =
  (flag: string, wanted: string, byDefault?: string): Judge =>
  (process) => {
    const value = valueOf(process, flag)
    return (value ?? byDefault) === wanted ? undefined : shown(flag, value)
  }

export const includes =
  (flag: string, item: string): Judge =>
  (process) =>
    listFlag(process, flag).includes(item) ? undefined : `--${flag} has no ${item}`

export const excludes =
  (flag: string, item: string): Judge =>
  (process) =>
    listFlag(process, flag).includes(item) ? `--${flag} has ${item}` : undefined

/** Set, and not less than `least`. */
export const isAtLeast =
  (flag: string, least: number): Judge =>
  (process) => {
    const value = valueOf(process, flag)
    return Number(value ?? Number.NaN) >= least ? undefined : shown(flag, value)
  }

/** Only of these. */
export const isOneOf =
  (flag: string, allowed: readonly string[]): Judge =>
  (process) => {
    const values = listFlag(process, flag)
    if (values.length === 0) return `--${flag} is not set`
    const others = values.filter((value) => !allowed.includes(value))
    return others.length === 0 ? undefined : `--${flag} has ${others.join(', ')}`
  }

/** More than a command line can tell, found out at the cluster itself. */
export type Probe = (evidence: Evidence) => Promise<Problem>

type Part = (evidence: Evidence) => ProcessEvidence

/** A check of one process: its flags first; only if these are right, what comes of them. */
export const createProcessCheck =
  (of: Part) =>
  (id: string, title: string, judges: readonly Judge[], probe?: Probe): Check => ({
    id,
    title,
    run: async (evidence) => {
      const verdict = failIfAny(judges.map((judge) => judge(of(evidence))))
      return verdict.type === 'pass' && probe !== undefined ? failIfAny([await probe(evidence)]) : verdict
    },
  })
