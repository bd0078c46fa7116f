/** How etcdutl prints: `-w simple`, `table`, `json`, `fields`. */
import { UsageError } from '../../component-base/process/run.ts'
import type { SnapshotHashKv, SnapshotStatus } from '../snapshot/status.ts'

export type OutputFormat = 'simple' | 'table' | 'json' | 'fields'

const formats: readonly string[] = ['simple', 'table', 'json', 'fields'] satisfies OutputFormat[]

export const parseFormat = (text: string): OutputFormat => {
  if (!formats.includes(text)) throw new UsageError('unsupported output format')
  return text as OutputFormat
}

/** One row of a result in all its forms. */
interface Row {
  readonly json: Readonly<Record<string, number>>
  readonly cells: Readonly<Record<string, string>>
  readonly fields: Readonly<Record<string, number>>
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Bytes as a human reads them, in powers of 1000, with one decimal below 10. */
export const humanBytes = (bytes: number): string => {
  if (bytes < 10) return `${bytes} B`
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`
}

const center = (text: string, width: number): string => {
  const left = Math.floor((width - text.length) / 2)
  return text.padStart(text.length + left).padEnd(width)
}

const table = (cells: Row['cells']): string => {
  const columns = Object.entries(cells).map(([title, value]) => ({
    title: title.toUpperCase(),
    value,
    width: Math.max(title.length, value.length),
  }))
  const rule = `+${columns.map(({ width }) => '-'.repeat(width + 2)).join('+')}+`
  const head = columns.map(({ title, width }) => ` ${center(title, width)} `).join('|')
  const row = columns.map(({ value, width }) => ` ${value.padStart(width)} `).join('|')
  return [rule, `|${head}|`, rule, `|${row}|`, rule].join('\n')
}

const print = (row: Row, format: OutputFormat): string => {
  switch (format) {
    case 'simple':
      return Object.values(row.cells).join(', ')
    case 'table':
      return table(row.cells)
    case 'json':
      return JSON.stringify(row.json)
    case 'fields':
      return Object.entries(row.fields)
        .map(([name, value]) => `"${name}" : ${value}`)
        .join('\n')
  }
}

/** `etcdutl snapshot status` */
export const printStatus = ({ hash, revision, totalKey, totalSize }: SnapshotStatus, format: OutputFormat): string =>
  print(
    {
      json: { hash, revision, totalKey, totalSize },
      cells: {
        hash: hash.toString(16),
        revision: String(revision),
        'total keys': String(totalKey),
        'total size': humanBytes(totalSize),
      },
      fields: { Hash: hash, Revision: revision, Keys: totalKey, Size: totalSize },
    },
    format,
  )

/** `etcdutl hashkv` */
export const printHashKv = ({ hash, hashRevision, compactRevision }: SnapshotHashKv, format: OutputFormat): string =>
  print(
    {
      json: { hash, hashRevision, compactRevision },
      cells: {
        hash: String(hash),
        'hash revision': String(hashRevision),
        'compact revision': String(compactRevision),
      },
      fields: { Hash: hash, 'Hash revision': hashRevision, 'Compact revision': compactRevision },
    },
    format,
  )
