import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resourceRows } from '../schema/resource-table.ts'
import { readDeclaration } from './descriptions.ts'
import { type Document, fingerprintsOf } from './fingerprints.ts'
import upstream from './upstream-fingerprints.json' with { type: 'json' }
import { openApiV2Document } from './v2.ts'
import { openApiV3Document, openApiV3Index, openApiV3Keys } from './v3.ts'

type Node = Record<string, unknown>
const at = (node: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((value, part) => (value as Record<string | number, unknown> | undefined)?.[part], node)

/** Every $ref of a document. */
const references = (node: unknown): string[] => {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([name, value]) =>
    name === '$ref' && typeof value === 'string' ? [value] : references(value),
  )
}
const resolves = (document: unknown, ref: string): boolean => at(document, ...ref.slice(2).split('/')) !== undefined

describe('openapi', () => {
  const apps = openApiV3Document('apis/apps/v1')
  const core = openApiV3Document('api/v1')
  const all = openApiV2Document()

  it('refers to nothing that is not there', () => {
    for (const document of [apps, core, all]) {
      const broken = references(document)
        .filter((ref) => ref.startsWith('#/'))
        .filter((ref) => !resolves(document, ref))
      assert.deepEqual(broken, [])
    }
  })

  it('lets kubectl find fieldValidation of a patch', () => {
    const patch = at(apps, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}', 'patch')
    assert.deepEqual(at(patch, 'x-kubernetes-group-version-kind'), { group: 'apps', version: 'v1', kind: 'Deployment' })
    assert.ok(
      (at(patch, 'parameters') as Node[]).some(
        ({ name, in: place }) => name === 'fieldValidation' && place === 'query',
      ),
    )
    const old = at(all, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}', 'patch', 'parameters')
    assert.ok((old as Node[]).some(({ name }) => name === 'fieldValidation'))
  })

  it('carries the tags that strategic merge needs', () => {
    const containers = at(core, 'components', 'schemas', 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers')
    assert.equal(at(containers, 'x-kubernetes-patch-merge-key'), 'name')
    assert.equal(at(containers, 'x-kubernetes-patch-strategy'), 'merge')
    assert.deepEqual(at(containers, 'x-kubernetes-list-map-keys'), ['name'])
    assert.equal(at(containers, 'items', 'allOf', 0, '$ref'), '#/components/schemas/io.k8s.api.core.v1.Container')
  })

  it('lists documents by group and version', () => {
    assert.deepEqual(
      openApiV3Index(['api/v1'], () => 'A'),
      {
        paths: { 'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=A' } },
      },
    )
    assert.equal(openApiV3Document('apis/nope/v1'), undefined)
  })

  it('is upstream’s in all but texts', () => {
    assert.deepEqual(fingerprintsOf(JSON.parse(JSON.stringify(all)) as Document), upstream)
  })

  it('has a document for each group and version, and for each path beside them', () => {
    const keys = openApiV3Keys(resourceRows())
    for (const key of ['api', 'apis', 'apis/apps', 'apis/apps/v1', 'openid/v1/jwks', 'version']) {
      assert.ok(keys.includes(key), key)
    }
    for (const key of keys) assert.ok(openApiV3Document(key) !== undefined, key)
    const paths = keys.flatMap((key) => Object.keys(at(openApiV3Document(key), 'paths') as Node))
    assert.deepEqual(paths.toSorted(), Object.keys(at(all, 'paths') as Node).toSorted())
  })

  it('reads texts from declarations', () => {
    const source = [
      '/**',
      "* A thing\\'s text.",
      '*/',
      'export declare class V1Thing {',
      '    /**',
      '    * Says \\"more\\".',
      '    */',
      "    '_default'?: string;",
      "    'bare'?: string;",
      '}',
    ].join('\n')
    assert.deepEqual(readDeclaration(source), { text: "A thing's text.", fields: { default: 'Says "more".' } })
  })
})
