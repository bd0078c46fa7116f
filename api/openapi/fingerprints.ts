/**
 * What an OpenAPI v2 document says, without its texts, as a short hash of each part: to compare ours with upstream's,
 * whose facts are not in this repository. `node api/openapi/fingerprints.ts FACTS` writes upstream-fingerprints.json,
 * of what v1.36 serves by default, from an openapi-v2-1.36.json.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const sections = ['paths', 'definitions', 'parameters'] as const
type Section = (typeof sections)[number]

export type Document = { readonly [Name in Section]?: Readonly<Record<string, unknown>> }
export type Fingerprints = Readonly<Record<Section, Readonly<Record<string, string>>>>

/** Without descriptions, keys in order. A property may be called description: those are kept. */
const structure = (node: unknown, areNames = false): unknown => {
  if (Array.isArray(node)) return node.map((item) => structure(item))
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node)
      .filter(([name, value]) => areNames || name !== 'description' || typeof value !== 'string')
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, structure(value, name === 'properties' && !areNames)]),
  )
}

const fingerprint = (node: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(structure(node)))
    .digest('hex')
    .slice(0, 10)

export const fingerprintsOf = (document: Document): Fingerprints => {
  const of = (section: Section): Record<string, string> =>
    Object.fromEntries(Object.entries(document[section] ?? {}).map(([name, part]) => [name, fingerprint(part)]))
  return { paths: of('paths'), definitions: of('definitions'), parameters: of('parameters') }
}

const offByDefault = [
  // Versions that --runtime-config turns on, their groups, and what they alone refer to.
  /[/.]v\d+(alpha|beta)\d+([/.]|$)/,
  /^\/apis\/(internal\.apiserver|storagemigration)\.k8s\.io\/$/,
  /^io\.k8s\.apimachinery\.pkg\.apis\.meta\.v1\.GroupResource$/,
  // --enable-logs-handler
  /^\/logs\/|^logpath-/,
]

const servedByDefault = (document: Document): Document =>
  Object.fromEntries(
    sections.map((section) => [
      section,
      Object.fromEntries(
        Object.entries(document[section] ?? {}).filter(([name]) => !offByDefault.some((off) => off.test(name))),
      ),
    ]),
  )

if (import.meta.main) {
  const document = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Document
  const text = JSON.stringify(fingerprintsOf(servedByDefault(document)), undefined, 1)
  writeFileSync(path.join(import.meta.dirname, 'upstream-fingerprints.json'), `${text}\n`)
}
