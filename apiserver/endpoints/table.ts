/** meta.k8s.io Table and PartialObjectMetadata: what `kubectl get` and metadata informers ask for. */
import type { KindDefinition, PrinterColumn } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { presented, type Resource } from '../registry/resource.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import type { Entry } from '../storage/encoding.ts'

export type IncludeObject = 'None' | 'Metadata' | 'Object'

export const includeObjectOf = (query: URLSearchParams): IncludeObject => {
  const asked = query.get('includeObject') ?? ''
  if (asked === '' || asked === 'Metadata') return 'Metadata'
  if (asked === 'None' || asked === 'Object') return asked
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`)
}

const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
  priority: 0,
  cell: (object) => object.metadata?.name ?? '',
}
const createdAtColumn: PrinterColumn = {
  name: 'Created At',
  type: 'date',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  priority: 0,
  cell: (object) => object.metadata?.creationTimestamp ?? null,
}

export const columnsOf = ({ columns }: KindDefinition): readonly PrinterColumn[] =>
  columns ?? [nameColumn, createdAtColumn]

export const partialMetadata = (object: KubeObject, version: string): Record<string, unknown> => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata ?? {},
})

export interface TableOptions {
  readonly version: 'v1' | 'v1beta1'
  readonly includeObject: IncludeObject
  /** False for watch events after the first: clients keep the columns. */
  readonly withColumns: boolean
  readonly listMeta: {
    readonly resourceVersion?: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

export const tableOf = (
  resource: Resource,
  entries: readonly Entry[],
  now: Date,
  options: TableOptions,
): Record<string, unknown> => {
  return table(columnsOf(resource.definition), [...tableRows(resource, entries, now, options)], options)
}

const table = (columns: readonly PrinterColumn[], rows: readonly object[], options: TableOptions) => ({
  kind: 'Table',
  apiVersion: `meta.k8s.io/${options.version}`,
  metadata: options.listMeta,
  columnDefinitions: options.withColumns
    ? columns.map(({ name, type, format = '', description, priority }) => ({
        name,
        type,
        format,
        description,
        priority,
      }))
    : null,
  rows,
})

/** A table of one object that is not of the resource's own kind. */
export const tableOfObject = (
  columns: readonly PrinterColumn[],
  object: KubeObject,
  now: Date,
  options: TableOptions,
): Record<string, unknown> =>
  table(columns, [{ cells: columns.map((column) => column.cell(object, now)), ...embedded(object, options) }], options)

/** One row for each object, made when asked for. */
export function* tableRows(
  resource: Resource,
  entries: readonly Entry[],
  now: Date,
  options: Pick<TableOptions, 'includeObject' | 'version'>,
): Generator<Record<string, unknown>> {
  const columns = columnsOf(resource.definition)
  for (const entry of entries) {
    const object = presented(resource, entry.object)
    yield { cells: columns.map((column) => column.cell(object, now)), ...embedded(object, options) }
  }
}

const embedded = (
  object: KubeObject,
  { includeObject, version }: Pick<TableOptions, 'includeObject' | 'version'>,
): Record<string, unknown> => {
  switch (includeObject) {
    case 'None':
      return {}
    case 'Object':
      return { object }
    case 'Metadata':
      return { object: partialMetadata(object, version) }
  }
}
