/** What somebody may do, asked of the cluster itself. */
import { createReviews } from '../../client/auth/delegated.ts'
import type { Problem } from './check.ts'
import type { Evidence } from './evidence.ts'

export interface Question {
  readonly user: string
  readonly groups?: readonly string[]
  readonly verb: string
  /** API group of the resource; default: the core group. */
  readonly group?: string
  readonly resource: string
  readonly name?: string
}

/** Told if the answer is not what it should be. */
export const mayProblem = async (
  { api }: Pick<Evidence, 'api'>,
  { user, groups = [], verb, group = '', resource, name = '' }: Question,
  expected: boolean,
): Promise<Problem> => {
  const resourceAttributes = { verb, group, resource, version: 'v1', ...(name === '' ? {} : { name }) }
  const allowed = await createReviews(api).isAllowed({ user, groups, resourceAttributes })
  return allowed === expected ? undefined : `${user} may ${allowed ? '' : 'not '}${verb} ${resource}`
}
