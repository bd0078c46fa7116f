/** Parts that the columns of many kinds share. Upstream: pkg/printers/internalversion/printers.go. */
import type { PrinterColumn } from '../kind.ts'
import type { Container, KubeObject, LabelSelector, PodTemplateSpec } from '../types.ts'
import { formatLabels, formatLabelSelector } from '../meta/labels.ts'
import { age } from './duration.ts'

type Cell = PrinterColumn['cell'] extends (...args: never[]) => infer Result ? Result : never

/** Absent is the empty text: required fields of the types may be missing in what an old version stored. */
const present =
  <T>(cell: (object: T, now: Date) => Cell | undefined) =>
  (object: T, now: Date): Cell =>
    cell(object, now) ?? ''

/** A column that is always shown. */
export const column = <T>(
  name: string,
  description: string,
  cell: (object: T, now: Date) => Cell | undefined,
  type: PrinterColumn['type'] = 'string',
): PrinterColumn<T> => ({ name, type, description, priority: 0, cell: present(cell) })

/** A column of `-o wide`. */
export const wideColumn = <T>(
  name: string,
  description: string,
  cell: (object: T, now: Date) => Cell | undefined,
  type: PrinterColumn['type'] = 'string',
): PrinterColumn<T> => ({ name, type, description, priority: 1, cell: present(cell) })

export const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object; unique among its kind and namespace.',
  priority: 0,
  cell: (object) => object.metadata?.name ?? '',
}

export const ageColumn: PrinterColumn = column('Age', 'Time since the object was created.', (object: KubeObject, now) =>
  age(object.metadata?.creationTimestamp, now),
)

/** When it was created, as a time. */
export const createdAtColumn: PrinterColumn = column(
  'Created At',
  'When the object was created.',
  (object: KubeObject) => object.metadata?.creationTimestamp ?? '',
  'date',
)

export const containerNames = (containers: readonly Container[] | undefined): string =>
  (containers ?? []).map(({ name }) => name).join(',')
export const containerImages = (containers: readonly Container[] | undefined): string =>
  (containers ?? []).map(({ image }) => image ?? '').join(',')

/** CONTAINERS and IMAGES of a template. */
export const templateColumns = <T>(
  template: (object: T) => PodTemplateSpec | undefined,
): readonly PrinterColumn<T>[] => [
  wideColumn('Containers', 'Names of the containers in the template.', (object) =>
    containerNames(template(object)?.spec?.containers),
  ),
  wideColumn('Images', 'Images of the containers in the template.', (object) =>
    containerImages(template(object)?.spec?.containers),
  ),
]

/** A selector that does not parse is stored already: show that rather than fail the whole list. */
const selectorText = (selector: LabelSelector | undefined): string => {
  try {
    return formatLabelSelector(selector)
  } catch {
    return '<error>'
  }
}

export const selectorColumn = <T>(selector: (object: T) => LabelSelector | undefined): PrinterColumn<T> =>
  wideColumn('Selector', 'Which Pods belong to it.', (object) => selectorText(selector(object)))

export const formatSelector = selectorText

/** `a=b,c=d`, or `<none>`. */
export const labelsOrNone = (labels: Readonly<Record<string, string>> | undefined): string =>
  formatLabels(labels) || '<none>'

export const textOr = (text: string | undefined | null, fallback: string): string =>
  text === undefined || text === null || text === '' ? fallback : text

/** The first `max` of a list, and how many more there are. */
export const firstOf = (items: readonly string[], max: number, none = '<none>'): string => {
  if (items.length === 0) return none
  const shown = items.slice(0, max).join(',')
  return items.length > max ? `${shown} + ${items.length - max} more...` : shown
}
