/**
 * Which protobuf fields are written only when they are set: `node api/schema/protobuf-pointers.ts DIRECTORY…`
 * In: checkouts of kubernetes/{api,apimachinery,apiextensions-apiserver,kube-aggregator} at v0.36. Out:
 * protobuf-pointers.json, message → numbers of those fields, which generate.ts puts into the table.
 *
 * Go writes a field that is no pointer even where it is zero. The .proto files call both `optional`, so this is read
 * from the generated marshallers, where only pointers (and bytes) are compared with nil.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const marshaller = /^func \(m \*?(\w+)\) MarshalToSizedBuffer\(.*\{\n([\s\S]*?)^\}\n/gm
const nilBlock = /^\tif m\.\w+ != nil \{\n([\s\S]*?)^\t\}\n/gm
/** The tag is what a block writes last; two bytes from field 16 on, the high one first as all is written backwards. */
const tagBytes = /(?:\t\ti--\n\t\tdAtA\[i\] = 0x([0-9a-f]+)\n)?\t\ti--\n\t\tdAtA\[i\] = 0x([0-9a-f]+)\n$/

const numberOf = (block: string): number => {
  const [, high = '0', low] = tagBytes.exec(block) ?? []
  if (low === undefined) throw new Error(`no tag in ${block}`)
  const byte = Number.parseInt(low, 16)
  return ((byte & 0x7f) | (byte >= 0x80 ? Number.parseInt(high, 16) << 7 : 0)) >> 3
}

const pointersOf = (directory: string): [string, number[]][] =>
  globSync('**/generated.pb.go', { cwd: directory }).flatMap((file) => {
    const source = path.join(directory, file)
    const proto = readFileSync(path.join(path.dirname(source), 'generated.proto'), 'utf8')
    const scope = /^package (.+);$/m.exec(proto)?.[1] ?? ''
    return [...readFileSync(source, 'utf8').matchAll(marshaller)].map(([, name, body = '']): [string, number[]] => [
      `${scope}.${name}`,
      [...body.matchAll(nilBlock)].map(([, block = '']) => numberOf(block)).sort((a, b) => a - b),
    ])
  })

const facts = process.argv
  .slice(2)
  .flatMap(pointersOf)
  .filter(([, numbers]) => numbers.length > 0)
  .sort(([a], [b]) => (a < b ? -1 : 1))
const rows = facts.map(([name, numbers]) => `  ${JSON.stringify(name)}: [${numbers.join(', ')}]`)
writeFileSync(path.join(import.meta.dirname, 'protobuf-pointers.json'), `{\n${rows.join(',\n')}\n}\n`)
