/** Typed access to a completed configuration, whose values were checked against the table of fields. */
import { parseDuration } from '../../component-base/flags/duration.ts'
import { isRecord } from './drop-ins.ts'

export interface ConfigReader {
  string(path: string): string
  bool(path: string): boolean
  int(path: string): number
  /** Milliseconds. */
  duration(path: string): number
  strings(path: string): readonly string[]
  map(path: string): Readonly<Record<string, string>>
  bools(path: string): Readonly<Record<string, boolean>>
  objects(path: string): readonly Readonly<Record<string, unknown>>[]
  has(path: string): boolean
}

/** What has no value reads as Go's zero. */
export const readerOf = (values: ReadonlyMap<string, unknown>): ConfigReader => {
  const list = (path: string): readonly unknown[] => {
    const value = values.get(path)
    return Array.isArray(value) ? value : []
  }
  const record = (path: string): Record<string, unknown> => {
    const value = values.get(path)
    return isRecord(value) ? value : {}
  }
  const text = (path: string): string => {
    const value = values.get(path)
    return typeof value === 'string' ? value : ''
  }
  return {
    string: text,
    bool: (path) => values.get(path) === true,
    int: (path) => Number(values.get(path) ?? 0),
    duration: (path) => parseDuration(text(path)) ?? 0,
    strings: (path) => list(path).map(String),
    map: (path) => Object.fromEntries(Object.entries(record(path)).map(([key, value]) => [key, String(value)])),
    bools: (path) => Object.fromEntries(Object.entries(record(path)).map(([key, value]) => [key, value === true])),
    objects: (path) => list(path).filter(isRecord),
    has: (path) => values.get(path) !== undefined,
  }
}
