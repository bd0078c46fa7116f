/** GET and LIST in all their forms. */
import assert from 'node:assert/strict'
import { CORE_SCHEMA, load } from 'js-yaml'
import type { KubeObject } from '../../../../api/types.ts'
import { compact } from '../../../harness/protobuf.ts'
import { expectFailure, expectObject, type Life, notFound, send, type Step } from '../life.ts'

type List = KubeObject & { items: KubeObject[] }

const query = (parameters: Readonly<Record<string, string>>): string => `?${new URLSearchParams(parameters)}`
const namesOf = ({ items }: List): string[] => items.map(({ metadata }) => metadata?.name ?? '')

const list = async (life: Life, path: string, parameters: Readonly<Record<string, string>>): Promise<List> =>
  expectObject(await send(life, 'GET', `${path}${query(parameters)}`)) as List

const as = async <T>(life: Life, kind: string, path: string): Promise<T> => {
  const accept = `application/json;as=${kind};v=v1;g=meta.k8s.io`
  const answer = await life.matrix.http(path, { headers: { accept } })
  assert.equal(answer.code, 200, answer.text)
  return answer.json as T
}

interface Table {
  readonly kind: string
  readonly apiVersion: string
  readonly columnDefinitions: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: KubeObject }[]
}

const partial = ({ metadata }: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

export const readSteps: readonly Step[] = [
  {
    name: 'it is read as JSON, YAML and protobuf',
    run: async (life) => {
      const { http, protobuf } = life.matrix
      assert.deepEqual(expectObject(await send(life, 'GET', life.path)), life.object)
      const yaml = await http(life.path, { headers: { accept: 'application/yaml' } })
      assert.deepEqual(load(yaml.text, { schema: CORE_SCHEMA }), life.object)
      assert.deepEqual(compact((await protobuf.call(life.path)).object()), compact(life.object))
    },
  },
  {
    name: 'one that is not there is not found',
    run: async (life) =>
      expectFailure(await send(life, 'GET', `${life.collection}/missing`), notFound(life.row, 'missing')),
  },
  {
    name: 'it is listed, in its namespace and in all, by label and by field',
    run: async (life) => {
      const all = await list(life, life.collection, {})
      assert.equal(all.kind, `${life.row.facts.kind}List`)
      assert.equal(all.apiVersion, life.object.apiVersion)
      const listed = all.items.find(({ metadata }) => metadata?.name === life.name)
      const { kind: _kind, apiVersion: _apiVersion, ...bare } = life.object
      assert.deepEqual(listed, bare, 'an item of the list')
      const labelSelector = `matrix=${life.id}`
      const labelled = namesOf(await list(life, life.everywhere, { labelSelector }))
      assert.ok(labelled.length >= 2)
      assert.deepEqual(labelled, labelled.toSorted())
      const created = { labelSelector: `${labelSelector},step=created` }
      assert.deepEqual(namesOf(await list(life, life.everywhere, created)), [life.name])
      const fieldSelector = `metadata.name=${life.name}`
      assert.deepEqual(namesOf(await list(life, life.collection, { fieldSelector })), [life.name])
      const rest = await list(life, life.collection, { fieldSelector: `metadata.name!=${life.name}`, labelSelector })
      assert.deepEqual(
        namesOf(rest),
        labelled.filter((name) => name !== life.name),
      )
    },
  },
  {
    name: 'it is listed page by page',
    run: async (life) => {
      const whole = await list(life, life.collection, {})
      const names: string[] = []
      let token = ''
      for (;;) {
        const page = await list(life, life.collection, { limit: '1', ...(token === '' ? {} : { continue: token }) })
        names.push(...namesOf(page))
        assert.ok(page.items.length <= 1)
        const {
          continue: next,
          remainingItemCount,
          resourceVersion,
        } = page.metadata as {
          continue?: string
          remainingItemCount?: number
          resourceVersion: string
        }
        if (token !== '') assert.ok(resourceVersion !== '')
        if (next === undefined) break
        assert.equal(remainingItemCount, whole.items.length - names.length, 'remainingItemCount')
        token = next
      }
      assert.deepEqual(names, namesOf(whole))
    },
  },
  {
    name: 'it is a row of a Table',
    run: async (life) => {
      const selected = query({ labelSelector: `matrix=${life.id},step=created` })
      for (const path of [life.path, `${life.collection}${selected}`]) {
        const table = await as<Table>(life, 'Table', path)
        assert.deepEqual([table.kind, table.apiVersion], ['Table', 'meta.k8s.io/v1'])
        const [row, ...others] = table.rows
        assert.deepEqual(others, [])
        assert.equal(row?.cells.length, table.columnDefinitions.length)
        const name = table.columnDefinitions.findIndex((column) => column.name === 'Name')
        assert.equal(row?.cells[name], life.name)
        assert.deepEqual(row?.object, partial(life.object))
      }
      const none = await as<Table>(life, 'Table', `${life.path}?includeObject=None`)
      assert.equal(none.rows[0]?.object, undefined)
      const whole = await as<Table>(life, 'Table', `${life.path}?includeObject=Object`)
      assert.deepEqual(whole.rows[0]?.object, life.object)
    },
  },
  {
    name: 'its metadata is read and listed alone',
    run: async (life) => {
      assert.deepEqual(await as(life, 'PartialObjectMetadata', life.path), partial(life.object))
      const selected = query({ labelSelector: `matrix=${life.id},step=created` })
      const found = await as<List>(life, 'PartialObjectMetadataList', `${life.collection}${selected}`)
      assert.deepEqual([found.kind, found.apiVersion], ['PartialObjectMetadataList', 'meta.k8s.io/v1'])
      assert.deepEqual(found.items, [partial(life.object)])
    },
  },
]
