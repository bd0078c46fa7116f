/** Prometheus' text format, written from values that are read at that moment. */
import type { PlainHistogram } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

export type Family = { readonly name: string; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly { labels?: Labels; value: number }[] }
  | { readonly type: 'histogram'; readonly samples: readonly { labels?: Labels; histogram: PlainHistogram }[] }
)

export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8'

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', String.raw`\n`).replaceAll('"', String.raw`\"`)

const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Go's names of what is no number. */
const numberText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'

const histogramLines = (name: string, labels: Labels, { bounds, counts, sum }: PlainHistogram): string[] => {
  let total = 0
  const buckets = counts.map((count, i) => {
    total += count
    const le = numberText(bounds[i] ?? Number.POSITIVE_INFINITY)
    return `${name}_bucket${labelText({ ...labels, le })} ${total}`
  })
  return [
    ...buckets,
    `${name}_sum${labelText(labels)} ${numberText(sum)}`,
    `${name}_count${labelText(labels)} ${total}`,
  ]
}

const familyText = (family: Family): string => {
  const { name, help, type } = family
  const lines =
    family.type === 'histogram'
      ? family.samples.flatMap(({ labels = {}, histogram }) => histogramLines(name, labels, histogram))
      : family.samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${numberText(value)}`)
  return [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', String.raw`\n`)}`,
    `# TYPE ${name} ${type}`,
    ...lines,
    '',
  ].join('\n')
}

/** Families by name, those without samples left out. */
export const exposition = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(familyText)
    .join('')
