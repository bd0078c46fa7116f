/** What `/` lists: all that can be asked for beside the objects. */
import { servedGroups } from '../discovery/legacy.ts'
import type { Resources } from '../registry/resources.ts'

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

const groupPaths = (resources: Resources): string[] =>
  servedGroups(resources).flatMap(({ name, versions }) =>
    name === ''
      ? versions.map((version) => `/api/${version}`)
      : [`/apis/${name}`, ...versions.map((version) => `/apis/${name}/${version}`)],
  )

export const listedPaths = (resources: Resources, more: readonly string[]): string[] =>
  [...fixedPaths, ...groupPaths(resources), ...more].toSorted()
