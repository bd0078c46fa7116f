/** Which rows of the resource table are served: OpenAPI documents are about those alone. */
import { allResourceRows, type ResourceRow } from '../../api/schema/resource-table.ts'

export const resourceName = ({ group, version, plural }: Pick<ResourceRow, 'group' | 'version' | 'plural'>): string =>
  `${group}/${version}/${plural}`

export const servedRows = (names: readonly string[]): readonly ResourceRow[] => {
  const served = new Set(names)
  return allResourceRows().filter((row) => served.has(resourceName(row)))
}
