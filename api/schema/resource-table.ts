/** Facts about the built-in resources: their paths, verbs and subresources. For OpenAPI and for cross-checks. */
import { readFileSync } from 'node:fs'
import { isGaVersion } from './openapi-facts.ts'
import type { ResourceRow } from './table-format.ts'

export type { ResourceRow, SubresourceRow } from './table-format.ts'

let rows: readonly ResourceRow[] | undefined

/** Every resource that is built, those among them that are off by default; read at first use. */
export const allResourceRows = (): readonly ResourceRow[] => {
  rows ??= JSON.parse(
    readFileSync(new URL('./generated/resources.json', import.meta.url), 'utf8'),
  ) as readonly ResourceRow[]
  return rows
}

/** Every GA resource of v1.36: what is served by default. */
export const resourceRows = (): readonly ResourceRow[] =>
  allResourceRows().filter(({ version }) => isGaVersion(version))

export const resourceRow = (group: string, version: string, plural: string): ResourceRow | undefined =>
  allResourceRows().find((row) => row.group === group && row.version === version && row.plural === plural)
