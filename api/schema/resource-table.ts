/** Facts about the built-in resources: their paths, verbs and subresources. For OpenAPI and for cross-checks. */
import { readFileSync } from 'node:fs'
import type { ResourceRow } from './table-format.ts'

export type { ResourceRow, SubresourceRow } from './table-format.ts'

let rows: readonly ResourceRow[] | undefined

/** Every GA resource of v1.36; read at first use. */
export const resourceRows = (): readonly ResourceRow[] => {
  rows ??= JSON.parse(
    readFileSync(new URL('./generated/resources.json', import.meta.url), 'utf8'),
  ) as readonly ResourceRow[]
  return rows
}

export const resourceRow = (group: string, version: string, plural: string): ResourceRow | undefined =>
  resourceRows().find((row) => row.group === group && row.version === version && row.plural === plural)
