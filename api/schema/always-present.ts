/**
 * Which containers Go always writes: `node api/schema/always-present.ts DIRECTORY…`
 * In: checkouts of kubernetes/{api,apimachinery,apiextensions-apiserver,kube-aggregator} at v0.36. Out:
 * generated/always-present.json, definition → fields that hold a struct by value, or a list or map without omitempty.
 *
 * To a server in Go such a field is there, empty, even where nobody wrote it, so that server-side apply never sees it
 * come or go: `f:spec` of a created Pod has no `.`, while `f:labels` has one.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { schemaByRef } from './schema.ts'

const struct = /^type (\w+) struct \{\n([\s\S]*?)^\}/gm
/** Name (if not embedded), type and JSON tag of a field. */
const field = /^\t(?:(\w+)\s+)?(\S+)\s+`.*?json:"([^"]*)".*`/gm

/** `k8s.io/api/core/v1` of a checkout's file as OpenAPI calls it. */
const packageOf = (directory: string, file: string): string => {
  const inside = path
    .dirname(path.relative(directory, file))
    .split(path.sep)
    .filter((part) => part !== '.')
  const root = path.basename(path.resolve(directory))
  return ['io.k8s', ...(root === 'api' ? ['api'] : [root]), ...inside].join('.')
}

const isContainer = (definition: string, name: string): 'object' | 'array' | 'map' | undefined => {
  const schema = schemaByRef(definition)
  const type = schema?.type === 'object' ? schema.fields.get(name)?.schema.type : undefined
  return type === 'object' || type === 'array' || type === 'map' ? type : undefined
}

const isPresent = (type: string, container: 'object' | 'array' | 'map', options: readonly string[]): boolean => {
  if (options.includes('omitzero')) return false
  const byValue = !/^(?:\*|\[\]|map\[)/.test(type)
  return container === 'object' && byValue ? true : !options.includes('omitempty')
}

const rowsOf = (directory: string): [string, string[]][] =>
  globSync('**/types*.go', { cwd: directory })
    .map((file) => path.join(directory, file))
    .filter((file) => !file.endsWith('_generated.go') && !file.endsWith('_test.go'))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(struct)].map(([, kind = '', body = '']): [string, string[]] => {
        const definition = `${packageOf(directory, file)}.${kind}`
        const fields = [...body.matchAll(field)].flatMap(([, , type = '', tag = '']) => {
          const [name = '', ...options] = tag.split(',')
          const container = isContainer(definition, name)
          return container !== undefined && isPresent(type, container, options) ? [name] : []
        })
        return [definition, fields]
      }),
    )

const rows = process.argv
  .slice(2)
  .flatMap(rowsOf)
  .filter(([, fields]) => fields.length > 0)
  .sort(([a], [b]) => (a < b ? -1 : 1))
const out = path.join(import.meta.dirname, 'generated/always-present.json')
writeFileSync(out, `${JSON.stringify(Object.fromEntries(rows))}\n`)
