/** Protobuf in both directions, as upstream's components speak it by default. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { configMaps } from '../../../api/resources.ts'
import type { KubeObject } from '../../../api/types.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import {
  compact,
  createProtobufClient,
  decodeEvent,
  decodeObject,
  type ProtobufAnswer,
  type ProtobufClient,
  protobufType,
  startInformer,
} from '../../harness/protobuf.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from './fixtures.ts'

const aDeployment = (name: string): KubeObject => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          { name: 'web', image: 'web:1', resources: { requests: { cpu: '1500m' } }, ports: [{ containerPort: 80 }] },
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    },
  },
})

const isProtobuf = (answer: ProtobufAnswer, code: number): KubeObject => {
  assert.equal(answer.headers['content-type'], protobufType)
  const object = answer.object()
  assert.equal(answer.code, code, JSON.stringify(object))
  return object
}

export const describeProtobuf = (running: Running): void => {
  describe('protobuf', () => {
    const namespace = 'protobuf'
    const inNamespace = `/api/v1/namespaces/${namespace}`
    const deploymentsPath = `/apis/apps/v1/namespaces/${namespace}/deployments`
    let client: ProtobufClient
    let http: Http

    before(async () => {
      const cluster = running()
      client = createProtobufClient(cluster)
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      await makeNamespace(cluster.client, namespace)
      await waitFor(() => cluster.client.get(configMaps, 'kube-root-ca.crt', namespace), { what: 'the CA bundle' })
    })

    it('creates, reads, updates and deletes what JSON shows the same', async () => {
      const created = isProtobuf(await client.call(deploymentsPath, { method: 'POST', body: aDeployment('web') }), 201)
      assert.equal(created.metadata?.name, 'web')
      const spec = created['spec'] as { replicas: number; strategy: object; revisionHistoryLimit: number }
      assert.equal(spec.replicas, 0)
      assert.equal(spec.revisionHistoryLimit, 10)
      assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } })

      const path = `${deploymentsPath}/web`
      await waitFor(async () => (await http(path)).json['status'] !== undefined, { what: 'a status' })
      const both = await waitFor(
        async () => {
          const [binary, text] = [isProtobuf(await client.call(path), 200), (await http(path)).json as KubeObject]
          return binary.metadata?.resourceVersion === text.metadata?.resourceVersion ? { binary, text } : undefined
        },
        { what: 'one version in both formats' },
      )
      assert.deepEqual(compact(both.binary), compact(both.text))

      // Without resourceVersion: the controller writes too.
      const changed = { ...both.binary, metadata: { name: 'web', namespace, labels: { a: 'b' } } }
      const updated = isProtobuf(await client.call(path, { method: 'PUT', body: changed }), 200)
      assert.deepEqual(updated.metadata?.labels, { a: 'b' })

      const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } }
      const conflict = isProtobuf(await client.call(path, { method: 'DELETE', body: options }), 409)
      assert.equal(conflict['reason'], 'Conflict')
      const deleted = isProtobuf(
        await client.call(path, { method: 'DELETE', body: { ...options, preconditions: {} } }),
        200,
      )
      assert.deepEqual([deleted.kind, deleted['status']], ['Status', 'Success'])
      const missing = isProtobuf(await client.call(path), 404)
      assert.deepEqual(missing['details'], { name: 'web', group: 'apps', kind: 'deployments' })
    })

    it('answers patches, scale, tokens, evictions and reviews', async () => {
      await client.call(deploymentsPath, { method: 'POST', body: aDeployment('parts') })
      const path = `${deploymentsPath}/parts`
      const patch = { method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' } }
      const patched = isProtobuf(await client.call(path, { ...patch, body: '{"metadata":{"labels":{"x":"y"}}}' }), 200)
      assert.deepEqual(patched.metadata?.labels, { x: 'y' })
      const inProtobuf = await client.call(path, { method: 'PATCH', body: patched })
      assert.equal(isProtobuf(inProtobuf, 415)['reason'], 'UnsupportedMediaType')

      const scale = isProtobuf(await client.call(`${path}/scale`), 200)
      assert.equal(scale.kind, 'Scale')
      const wanted = { ...scale, metadata: { name: 'parts', namespace }, spec: { replicas: 2 } }
      const scaled = await client.call(`${path}/scale`, { method: 'PUT', body: wanted })
      assert.deepEqual(isProtobuf(scaled, 200)['spec'], { replicas: 2 })

      const token = isProtobuf(
        await client.call(`${inNamespace}/serviceaccounts/default/token`, {
          method: 'POST',
          body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { expirationSeconds: 600 } },
        }),
        201,
      )
      assert.match((token['status'] as { token: string }).token, /^ey/)

      const review = isProtobuf(
        await client.call('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
          method: 'POST',
          body: {
            kind: 'SelfSubjectAccessReview',
            apiVersion: 'authorization.k8s.io/v1',
            spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
          },
        }),
        201,
      )
      assert.equal((review['status'] as { allowed: boolean }).allowed, true)

      const eviction = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: 'none', namespace } }
      isProtobuf(await client.call(`${inNamespace}/pods/none/eviction`, { method: 'POST', body: eviction }), 404)
    })

    it('keeps an informer in step with writes made in JSON', async () => {
      await using informer = await startInformer(client, `${inNamespace}/configmaps`)
      assert.ok(informer.store.has(`${namespace}/kube-root-ca.crt`))
      const { client: json } = running()
      for (let index = 0; index < 20; index++) {
        const name = `i${index}`
        await json.create(configMaps, { metadata: { name, namespace }, data: { index: String(index), b: '世' } })
        await json.patch(configMaps, name, namespace, { binaryData: { x: 'AAEC' } }, { type: 'merge' })
        if (index % 2 === 0) await json.delete(configMaps, name, namespace)
      }
      const list = await json.list(configMaps, { namespace })
      await waitFor(() => informer.events.filter(({ type }) => type !== 'BOOKMARK').length >= 50, {
        what: 'the events',
      })
      const wanted = new Map(list.items.map((item) => [item.metadata?.name, item.metadata?.resourceVersion]))
      const seen = [...informer.store.values()].map(({ metadata }) => [metadata?.name, metadata?.resourceVersion])
      assert.deepEqual(new Map(seen as [string, string][]), wanted)
      const last = informer.store.get(`${namespace}/i19`)
      assert.deepEqual(
        [last?.kind, last?.['data'], last?.['binaryData']],
        ['ConfigMap', { index: '19', b: '世' }, { x: 'AAEC' }],
      )
    })

    it('sends the state, bookmarks and errors of a watch', async () => {
      const abort = new AbortController()
      const watched = `${inNamespace}/configmaps?watch=true`
      const query =
        '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=9'
      const types: string[] = []
      for await (const { type, object } of client.watch(watched + query, abort.signal)) {
        types.push(type)
        if (type !== 'BOOKMARK') continue
        assert.equal(object.metadata?.annotations?.['k8s.io/initial-events-end'], 'true')
        break
      }
      assert.deepEqual([types[0], types.at(-1)], ['ADDED', 'BOOKMARK'])

      const meta = `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`
      for await (const { object } of client.watch(`${watched}&timeoutSeconds=9`, abort.signal, meta)) {
        assert.equal(object.kind, 'PartialObjectMetadata')
        assert.ok(object.metadata?.uid)
        assert.equal(object['data'], undefined)
        break
      }
      const refused = await client.call(watched, { headers: { accept: 'application/yaml' } })
      assert.equal(refused.code, 406)
      abort.abort()
    })

    it('sends a watch over a WebSocket, one binary message an event', async () => {
      const cluster = running()
      const url = `${cluster.server.replace('https', 'wss')}${inNamespace}/configmaps?watch=true&timeoutSeconds=9`
      const socket = new WebSocket(url, {
        ...pkiCredentials(cluster, 'admin'),
        rejectUnauthorized: false,
        headers: { accept: protobufType },
      })
      const [message, binary] = (await once(socket, 'message')) as [Buffer, boolean]
      socket.terminate()
      assert.equal(binary, true)
      const { type, object } = decodeEvent(message)
      assert.deepEqual([type, object.kind], ['ADDED', 'ConfigMap'])
    })

    it('lists objects and their metadata', async () => {
      const list = isProtobuf(await client.call('/api/v1/namespaces?limit=1'), 200) as KubeObject & { items: unknown[] }
      assert.equal(list.kind, 'NamespaceList')
      assert.equal(list.items.length, 1)
      assert.ok((list.metadata as { continue?: string }).continue)
      for (const version of ['v1', 'v1beta1']) {
        const accept = `${protobufType};as=PartialObjectMetadataList;g=meta.k8s.io;v=${version},application/json`
        const partial = isProtobuf(await client.call('/api/v1/namespaces', { headers: { accept } }), 200)
        assert.equal(partial.apiVersion, `meta.k8s.io/${version}`)
        assert.ok(partial.metadata?.resourceVersion)
        const names = (partial['items'] as KubeObject[]).map(({ metadata }) => metadata?.name)
        assert.ok(names.includes('kube-system'), names.join())
      }
      const table = `${protobufType};as=Table;g=meta.k8s.io;v=v1`
      const { code } = await client.call('/api/v1/namespaces', { headers: { accept: table } })
      assert.equal(code, 406)
    })

    it('compresses long lists', async () => {
      const { client: json } = running()
      const data = { text: 'x'.repeat(200_000) }
      await json.create(configMaps, { metadata: { name: 'long', namespace }, data })
      for (const path of [`${inNamespace}/configmaps`, `${inNamespace}/configmaps/long`]) {
        const { bytes, headers } = await client.call(path, { headers: { 'accept-encoding': 'gzip' } })
        assert.equal(headers['content-encoding'], 'gzip')
        const object = decodeObject(gunzipSync(bytes))
        const items = (object['items'] as KubeObject[] | undefined) ?? [object]
        assert.ok(items.some(({ data: found }) => (found as typeof data | undefined)?.text === data.text))
      }
    })

    it('shows discovery', async () => {
      const accept = `${protobufType};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`
      const answer = await client.call('/apis', { headers: { accept } })
      assert.equal(answer.headers['content-type'], accept)
      const { items } = answer.object() as KubeObject & { items: { metadata: { name: string }; versions: unknown[] }[] }
      const inJson = await http('/apis', { headers: { accept: accept.replace(protobufType, 'application/json') } })
      assert.equal(inJson.headers['etag'], answer.headers.etag)
      assert.deepEqual(compact(items), compact(inJson.json['items']))
      const resources = isProtobuf(await client.call('/apis/apps/v1'), 200)
      assert.deepEqual(compact(resources['resources']), compact((await http('/apis/apps/v1')).json['resources']))
      assert.equal(isProtobuf(await client.call('/api'), 200).kind, 'APIVersions')
      assert.equal((await client.call('/version')).headers['content-type'], 'application/json')
    })

    it('refuses what it cannot read, and CBOR', async () => {
      const path = `${inNamespace}/configmaps`
      const unrecognized = 'the object provided is unrecognized (must be of type ConfigMap): '
      for (const [body, message] of [
        ['', `${unrecognized}empty data (<empty>)`],
        [
          '{}',
          `${unrecognized}provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})`,
        ],
        ['k8s\0', `${unrecognized}empty body (6b387300)`],
        ['k8s\0\x0a', `${unrecognized}unexpected EOF (6b3873000a)`],
        ['k8s\0\x12\x02\x0a\x7f', 'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF'],
        [
          'k8s\0\x12\x02\x08\x01',
          'ConfigMap in version "v1" cannot be handled as a ConfigMap: proto: wrong wireType = 0 for field metadata',
        ],
      ] as const) {
        const answer = await client.call(path, { method: 'POST', body })
        assert.equal(isProtobuf(answer, 400)['message'], message)
      }
      const cbor = { 'content-type': 'application/cbor' }
      assert.equal((await client.call(path, { method: 'POST', body: 'x', headers: cbor })).code, 415)
      const refused = await client.call(path, { headers: { accept: 'application/cbor' } })
      assert.equal(refused.code, 406)
      assert.equal(refused.headers['content-type'], 'application/json')
      const secret = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 's' } }
      isProtobuf(await client.call(path, { method: 'POST', body: secret }), 400)
    })
  })
}
