/** One check of the benchmark by its number. */
import type { Verdict } from '../../../deploy/cis/check.ts'
import type { Evidence } from '../../../deploy/cis/evidence.ts'
import { runCheck } from '../../../deploy/cis/report.ts'
import { sections } from '../../../deploy/cis/sections.ts'

export const allIds = (): string[] => sections.flatMap(({ checks }) => checks.map(({ id }) => id))

/** Throws for a number that the benchmark does not have. */
export const verdictOf = async (id: string, evidence: Evidence): Promise<Verdict> => {
  const check = sections.flatMap(({ checks }) => checks).find((candidate) => candidate.id === id)
  if (check === undefined) throw new Error(`there is no check ${id}`)
  return (await runCheck(check, evidence)).verdict
}
