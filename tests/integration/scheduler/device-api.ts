/**
 * Conformance: all verbs on the kinds of resource.k8s.io/v1, while watchers see each change once, in order, and nothing
 * else. Upstream: test/e2e/dra/dra.go, "CRUD Tests"
 */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  deviceClasses,
  resourceClaims,
  resourceClaimTemplates,
  resourcePath,
  type ResourceRef,
  resourceSlices,
} from '../../../api/resources.ts'
import { isReason } from '../../../api/meta/status-error.ts'
import type { KubeObject } from '../../../api/types.ts'
import { createInformer } from '../../../client/cache/informer.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'device-api'
const driver = 'crud.example.com'
const requests = [{ name: 'req-0', exactly: { deviceClassName: 'crud' } }]

interface Kind {
  readonly ref: ResourceRef
  readonly body: object
  readonly hasStatus?: true
}

const kinds: readonly Kind[] = [
  { ref: deviceClasses, body: { spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] } } },
  { ref: resourceClaims, body: { spec: { devices: { requests } } }, hasStatus: true },
  { ref: resourceClaimTemplates, body: { spec: { spec: { devices: { requests } } } } },
  {
    ref: resourceSlices,
    body: {
      spec: {
        driver,
        nodeName: 'no-such-node',
        pool: { name: 'crud', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'd0', attributes: { model: { string: 'x' } } }],
      },
    },
  },
] as unknown as readonly Kind[]

const typeOf = ({ group, version, kind }: ResourceRef) => ({ apiVersion: `${group}/${version}`, kind })

/** What a watcher saw: `ADDED`, `MODIFIED label`, `DELETED`. */
const watch = async (client: RestClient, ref: ResourceRef, name: string, signal: AbortSignal): Promise<string[]> => {
  const seen: string[] = []
  const stepOf = (object: KubeObject): string => object.metadata?.labels?.['step'] ?? ''
  const informer = createInformer(client, ref)
  const note = (what: string, object: KubeObject): void => {
    if (object.metadata?.name === name) seen.push(`${what} ${stepOf(object)}`.trim())
  }
  informer.addHandler({
    onAdd: (object) => note('ADDED', object),
    onUpdate: (_old, object) => note('MODIFIED', object),
    onDelete: (object) => note('DELETED', object),
  })
  void informer.start(signal).catch(() => undefined)
  await informer.whenSynced(signal)
  return seen
}

export const describeDeviceApi = (running: Running): void => {
  describe('resource.k8s.io/v1', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    for (const { ref, body, hasStatus } of kinds) {
      it(`${ref.kind}: every verb, and watchers see it`, async () => {
        const stop = new AbortController()
        const name = `crud-${ref.resource}`
        const at = ref.namespaced ? namespace : undefined
        const place = at === undefined ? {} : { namespace: at }
        const make = (): KubeObject => ({
          metadata: { name, ...place, labels: { step: 'create', crud: 'yes' } },
          ...body,
        })
        try {
          const watchers = [await watch(client, ref, name, stop.signal), await watch(client, ref, name, stop.signal)]
          const path = `${resourcePath(ref, at)}?fieldValidation=Strict`
          const created = (await client.raw('POST', path, { ...typeOf(ref), ...make() })) as KubeObject
          await assert.rejects(client.create(ref, make()), (error) => isReason(error, 'AlreadyExists'))
          assert.deepEqual((await client.get(ref, name, at)).metadata?.uid, created.metadata?.uid)
          const labelled = (step: string) => ({ metadata: { labels: { step } } })

          const current = await client.get(ref, name, at)
          await client.update(ref, {
            ...current,
            metadata: { ...current.metadata, labels: { ...current.metadata?.labels, step: 'update' } },
          })
          const applied = { ...typeOf(ref), ...labelled('apply') }
          const apply = { type: 'apply', force: true, fieldManager: 'crud' } as const
          await client.patch(ref, name, at, { ...applied, metadata: { name, ...applied.metadata } }, apply)
          await client.patch(ref, name, at, labelled('strategic'), { type: 'strategic' })
          await client.patch(ref, name, at, labelled('merge'), { type: 'merge' })
          const operations = [{ op: 'replace', path: '/metadata/labels/step', value: 'json' }]
          await client.patch(ref, name, at, operations, { type: 'json' })
          // Nothing changes: nobody is told.
          await client.patch(ref, name, at, labelled('json'), { type: 'merge' })
          if (hasStatus === true) {
            const status = { allocation: {} }
            const latest = await client.get(ref, name, at)
            const updated = await client.update(ref, { ...latest, status }, { subresource: 'status' })
            assert.deepEqual((updated as { status?: unknown }).status, { allocation: { devices: {} } })
          }
          const listed = await client.list(ref, { ...place, labelSelector: 'crud=yes' })
          assert.deepEqual(
            listed.items.map((item) => item.metadata?.name),
            [name],
          )
          const everywhere = await client.list(ref, { labelSelector: 'crud=yes' })
          assert.equal(everywhere.items.length, 1)

          await client.deleteCollection(ref, { ...place, labelSelector: 'crud=yes' })
          await assert.rejects(client.get(ref, name, at), (error) => isReason(error, 'NotFound'))
          const again = await client.create(ref, make())
          assert.notEqual(again.metadata?.uid, created.metadata?.uid)
          await client.delete(ref, name, at)

          const expected = [
            'ADDED create',
            ...['update', 'apply', 'strategic', 'merge', 'json'].map((step) => `MODIFIED ${step}`),
            ...(hasStatus === true ? ['MODIFIED json'] : []),
            'DELETED json',
            'ADDED create',
            'DELETED create',
          ]
          for (const seen of watchers) {
            await waitFor(() => seen.length >= expected.length, { what: 'the events', timeoutMs: 10_000 })
            assert.deepEqual(seen, expected)
          }
        } finally {
          stop.abort()
        }
      })
    }

    it('an expression that does not compile is refused', async () => {
      const spec = { selectors: [{ cel: { expression: 'device.driver ==' } }] }
      const broken = { metadata: { name: 'broken' }, spec }
      await assert.rejects(client.create(deviceClasses, broken), (error) => isReason(error, 'Invalid'))
    })
  })
}
