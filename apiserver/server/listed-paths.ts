/** What `/` lists: all that can be asked for beside the objects. */
import type { ApiGroup } from '../../api/kinds.ts'

const fixedPaths = [
  '/api',
  '/apis',
  '/apis/',
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/version',
]

const groupPaths = (groups: readonly ApiGroup[]): string[] =>
  groups.flatMap(({ name, versions }) =>
    name === ''
      ? versions.map((version) => `/api/${version}`)
      : [`/apis/${name}`, ...versions.map((version) => `/apis/${name}/${version}`)],
  )

export const listedPaths = (groups: readonly ApiGroup[], more: readonly string[]): string[] =>
  [...fixedPaths, ...groupPaths(groups), ...more].toSorted()
