/** Lists: selectors, paging, old versions, and other representations than the objects themselves. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { configMaps, pods } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { createConfigMap, makeNamespace, refusal } from './fixtures.ts'

interface Table {
  readonly kind: string
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: { readonly kind: string } }[]
}

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const metadataType = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const metadataListType = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'

export const describeLists = (running: Running): void => {
  describe('lists', () => {
    const namespace = 'lists'
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    let client: RestClient
    let http: Http
    const named = async (options: { labelSelector?: string; fieldSelector?: string }): Promise<string[]> =>
      (await client.list(configMaps, { namespace, ...options })).items
        .map(({ metadata }) => metadata?.name ?? '')
        .filter((name) => name !== 'kube-root-ca.crt')

    before(async () => {
      const cluster = running()
      client = cluster.client
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      await makeNamespace(client, namespace)
      await createConfigMap(client, namespace, 'a', { labels: { tier: 'front', env: 'prod' } })
      await createConfigMap(client, namespace, 'b', { labels: { tier: 'back', env: 'prod' } })
      await createConfigMap(client, namespace, 'c', { labels: { tier: 'back', env: 'test' } })
      await createConfigMap(client, namespace, 'd')
    })

    it('select by labels', async () => {
      const cases: readonly [string, string[]][] = [
        ['tier=back', ['b', 'c']],
        ['tier==back,env!=test', ['b']],
        ['tier in (front, back)', ['a', 'b', 'c']],
        ['tier notin (back)', ['a', 'd']],
        ['tier', ['a', 'b', 'c']],
        ['!tier', ['d']],
        ['tier!=front', ['b', 'c', 'd']],
      ]
      for (const [labelSelector, wanted] of cases)
        assert.deepEqual(await named({ labelSelector }), wanted, labelSelector)
      await assert.rejects(
        named({ labelSelector: 'tier in (' }),
        refusal('BadRequest', /unable to parse requirement: found '', expected:/),
      )
    })

    it('select by fields', async () => {
      assert.deepEqual(await named({ fieldSelector: 'metadata.name=b' }), ['b'])
      assert.deepEqual(await named({ fieldSelector: 'metadata.name!=b,metadata.namespace=lists' }), ['a', 'c', 'd'])
      assert.deepEqual(await named({ fieldSelector: 'metadata.name=b', labelSelector: 'tier=front' }), [])
      await assert.rejects(
        named({ fieldSelector: 'data.a=1' }),
        refusal(
          'BadRequest',
          /^"data\.a" is not a known field selector: only "metadata\.name", "metadata\.namespace"$/,
        ),
      )
      const spec = { nodeName: 'nowhere', containers: [{ name: 'a', image: 'none:1' }] }
      await client.create(pods, { metadata: { namespace, name: 'placed' }, spec })
      for (const fieldSelector of ['spec.nodeName=nowhere', 'status.phase=Pending', 'spec.restartPolicy=Always']) {
        const { items } = await client.list(pods, { namespace, fieldSelector })
        assert.deepEqual(
          items.map(({ metadata }) => metadata?.name),
          ['placed'],
          fieldSelector,
        )
      }
      await client.delete(pods, 'placed', namespace, { gracePeriodSeconds: 0 })
    })

    it('come as a Table', async () => {
      const { json, code } = await http(path, { headers: { accept: tableType } })
      assert.equal(code, 200)
      const table = json as unknown as Table
      assert.equal(table.kind, 'Table')
      assert.deepEqual(
        table.columnDefinitions.map(({ name }) => name),
        ['Name', 'Data', 'Age'],
      )
      const row = table.rows.find(({ cells }) => cells[0] === 'a')
      assert.equal(row?.cells[1], 1)
      assert.match(String(row?.cells[2]), /^\d+s$/)
      assert.equal(row?.object?.kind, 'PartialObjectMetadata')
      const whole = await http(`${path}/a?includeObject=Object`, { headers: { accept: tableType } })
      assert.equal((whole.json as unknown as Table).rows[0]?.object?.kind, 'ConfigMap')
      const none = await http(`${path}/a?includeObject=None`, { headers: { accept: tableType } })
      assert.equal((none.json as unknown as Table).rows[0]?.object, undefined)
    })

    it('come as PartialObjectMetadata, or as the first type that the server knows', async () => {
      const all = (await http(path, { headers: { accept: metadataListType } })).json
      assert.equal(all['kind'], 'PartialObjectMetadataList')
      const [first] = all['items'] as Record<string, unknown>[]
      assert.deepEqual(Object.keys(first ?? {}).sort(), ['apiVersion', 'kind', 'metadata'])
      const one = (await http(`${path}/a`, { headers: { accept: metadataType } })).json
      assert.equal(one['kind'], 'PartialObjectMetadata')
      assert.equal(one['data'], undefined)
      const either = await http(`${path}/a`, { headers: { accept: 'application/nonsense,application/json' } })
      assert.equal(either.json['kind'], 'ConfigMap')
      const yaml = await http(`${path}/a`, { headers: { accept: 'application/yaml' } })
      assert.match(yaml.text, /^kind: ConfigMap$/m)
    })

    it('at a version answer as it was then, until the store forgets it: 410, with a token to go on', async () => {
      const { resourceVersion: then } = (await client.list(configMaps, { namespace })).metadata
      await createConfigMap(client, namespace, 'e')
      const at = { namespace, resourceVersion: then, resourceVersionMatch: 'Exact' } as const
      const names = (await client.list(configMaps, at)).items.map(({ metadata }) => metadata?.name)
      assert.ok(names.includes('d') && !names.includes('e'))
      const firstPage = await client.list(configMaps, { namespace, limit: 2 })
      await createConfigMap(client, namespace, 'f')

      using etcd = running().newEtcdClient()
      const { header } = await etcd.range({ key: Buffer.from('/') })
      await etcd.compact({ revision: header?.revision ?? 0 })

      await assert.rejects(
        client.list(configMaps, at),
        refusal('Expired', /^The resourceVersion for the provided list is too old\.$/),
      )
      const expired = await http(`${path}?limit=2&continue=${firstPage.metadata.continue}`)
      assert.equal(expired.code, 410)
      assert.equal(expired.status.reason, 'Expired')
      const token = (expired.json['metadata'] as { continue?: string }).continue ?? ''
      const rest = await client.list(configMaps, { namespace, limit: 100, continue: token })
      assert.ok(
        rest.items.some(({ metadata }) => metadata?.name === 'f'),
        'the inconsistent rest is of now',
      )
      assert.ok(rest.items.every(({ metadata }) => metadata?.name !== 'a'))
    })

    it('from version 0 come whole, whatever limit is given', async () => {
      const all = await client.list(configMaps, { namespace })
      const { items, metadata } = await client.list(configMaps, { namespace, resourceVersion: '0', limit: 1 })
      assert.equal(items.length, all.items.length)
      assert.equal(metadata.continue, undefined)
    })

    it('refuse combinations that mean nothing', async () => {
      const cases: readonly [string, number][] = [
        ['resourceVersionMatch=Exact', 422],
        ['sendInitialEvents=true', 422],
        ['resourceVersionMatch=Exact&resourceVersion=0', 422],
        ['resourceVersionMatch=Nearly&resourceVersion=1', 422],
        ['resourceVersion=abc', 400],
        ['continue=abc', 400],
        ['limit=many', 400],
        ['watch=true&resourceVersionMatch=NotOlderThan', 422],
      ]
      for (const [query, code] of cases) assert.equal((await http(`${path}?${query}`)).code, code, query)
    })
  })
}
