/** Runs checks and says how they ended. */
import { type Check, fail, type Section, type Verdict } from './check.ts'
import type { Evidence } from './evidence.ts'

export interface Result {
  readonly id: string
  readonly title: string
  readonly verdict: Verdict
}

/** A check that cannot look has failed. */
export const runCheck = async ({ id, title, run }: Check, evidence: Evidence): Promise<Result> => {
  try {
    return { id, title, verdict: await run(evidence) }
  } catch (error) {
    return { id, title, verdict: fail(error instanceof Error ? error.message : String(error)) }
  }
}

const labels: Readonly<Record<Verdict['type'], string>> = {
  pass: 'PASS',
  fail: 'FAIL',
  warn: 'WARN',
  manual: 'MANUAL',
  notApplicable: 'N/A',
}

const line = ({ id, title, verdict: { type, detail } }: Result): string =>
  `[${labels[type]}]`.padEnd(9) + `${id.padEnd(7)} ${title}${detail === '' ? '' : `: ${detail}`}`

/** Runs all, one after the other, and says each result as it comes. */
export const runSections = async (
  sections: readonly Section[],
  evidence: Evidence,
  say: (line: string) => void,
): Promise<readonly Result[]> => {
  const results: Result[] = []
  for (const { id, title, checks } of sections) {
    say(`\n${id} ${title}`)
    for (const check of checks) {
      const result = await runCheck(check, evidence)
      say(line(result))
      results.push(result)
    }
  }
  return results
}

/** `97 passed, 0 failed, 2 warnings, 5 manual, 2 not applicable` */
export const summary = (results: readonly Result[]): string => {
  const count = (type: Verdict['type']): number => results.filter(({ verdict }) => verdict.type === type).length
  return `${count('pass')} passed, ${count('fail')} failed, ${count('warn')} warnings, ${count('manual')} manual, ${count('notApplicable')} not applicable`
}
