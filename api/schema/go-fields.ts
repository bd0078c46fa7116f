/**
 * How Go writes the fields of each definition: `node api/schema/go-fields.ts DIRECTORY…`
 * In: checkouts of kubernetes/{api,apimachinery,apiextensions-apiserver,kube-aggregator} at v0.36. Out: go-fields.json,
 * definition → fields in the order of the struct, each with how it is held: `*` by pointer, `o` omitempty, `z` omitzero.
 * generate.ts makes the schema's order and presence of it.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isGaVersion, isOptionalDefinition } from './openapi-facts.ts'

interface GoField {
  /** '' of an embedded struct. */
  readonly name: string
  readonly type: string
  readonly tag: string
}
interface GoStruct {
  readonly fields: readonly GoField[]
  /** Where its types are: import alias → package. */
  readonly imports: ReadonlyMap<string, string>
  readonly package: string
}

const struct = /^type (\w+) struct \{\n([\s\S]*?)^\}/gm
/** Name (if not embedded), type and JSON tag of a field. */
const field = /^\t(?:(\w+)[ \t]+)?(\S+)[ \t]+`.*?json:"([^"]*)".*`/gm
const importLine = /^(?:import |\t)(?:(\w+) )?"(k8s\.io\/[^"]+)"/gm

/** `k8s.io/api/core/v1` as OpenAPI calls it. */
const definitionPackage = (importPath: string): string => importPath.replace('k8s.io', 'io.k8s').replaceAll('/', '.')

const packageOf = (directory: string, file: string): string => {
  const inside = path.relative(directory, path.dirname(file)).split(path.sep)
  return ['io.k8s', path.basename(path.resolve(directory)), ...inside].join('.')
}

const importsOf = (source: string): ReadonlyMap<string, string> =>
  new Map(
    [...source.matchAll(importLine)].map(([, alias, importPath = '']) => [
      alias ?? path.basename(importPath),
      definitionPackage(importPath),
    ]),
  )

const structsOf = (directory: string): [string, GoStruct][] =>
  globSync('**/types*.go', { cwd: directory })
    .map((file) => path.join(directory, file))
    .filter((file) => !/_generated.go$|_test.go$|testing|\bexample/.test(file))
    .flatMap((file) => {
      const source = readFileSync(file, 'utf8')
      const imports = importsOf(source)
      const scope = packageOf(directory, file)
      return [...source.matchAll(struct)].map(([, name = '', body = '']): [string, GoStruct] => [
        `${scope}.${name}`,
        {
          fields: [...body.matchAll(field)].map(([, own = '', type = '', tag = '']) => ({ name: own, type, tag })),
          imports,
          package: scope,
        },
      ])
    })

const structs = new Map(process.argv.slice(2).flatMap(structsOf))

const embedded = ({ imports, package: scope }: GoStruct, type: string): GoStruct => {
  const [, alias, name = ''] = /^(?:(\w+)\.)?(\w+)$/.exec(type) ?? []
  const found = structs.get(`${alias === undefined ? scope : imports.get(alias)}.${name}`)
  if (found === undefined) throw new Error(`no struct ${type} for ${scope}`)
  return found
}

/** Fields in order, those of embedded structs in the place of the struct, as encoding/json writes them. */
const rowOf = (owner: GoStruct): [string, string][] =>
  owner.fields.flatMap(({ type, tag }): [string, string][] => {
    const [name = '', ...options] = tag.split(',')
    if (name === '-') return []
    if (name === '') return rowOf(embedded(owner, type))
    const held =
      (type.startsWith('*') ? '*' : '') +
      (options.includes('omitempty') ? 'o' : '') +
      (options.includes('omitzero') ? 'z' : '')
    return [[name, held]]
  })

/** As generate.ts keeps them: GA versions, and what has no version. */
const isKept = (name: string): boolean => {
  const version = name.split('.').at(-2) ?? ''
  return isGaVersion(version) || !/^v\d/.test(version) || isOptionalDefinition(name)
}

const rows = [...structs]
  .filter(([name]) => isKept(name))
  .map(([name, owner]): [string, [string, string][]] => [name, rowOf(owner)])
  .filter(([, fields]) => fields.length > 0)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, fields]) => `  ${JSON.stringify(name)}: ${JSON.stringify(Object.fromEntries(fields))}`)
writeFileSync(path.join(import.meta.dirname, 'go-fields.json'), `{\n${rows.join(',\n')}\n}\n`)
