/** Versions of a custom resource that a webhook converts: every verb in every version, and what the webhook may not do. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { CustomResourceDefinition } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { startWatch } from '../matrix/watch-reader.ts'
import { type ConversionServer, type HostObject, hosts, startConversionServer, success } from './conversion-fixtures.ts'
import { define } from './fixtures.ts'

const group = 'conversion.example.com'
const pathOf = (version: string, rest = ''): string => `/apis/${group}/${version}/namespaces/default/hosts${rest}`

export const describeConversion = (running: () => TestCluster): void => {
  describe('a custom resource that a webhook converts', () => {
    let kubectl: Kubectl
    let http: Http
    let converter: ConversionServer
    const webhook = (versions: readonly string[] = ['v1'], path = '/convert') => ({
      clientConfig: converter.server.clientConfig(path),
      conversionReviewVersions: versions,
    })
    const host = (version: string, name: string, spec: object): object => ({
      apiVersion: `${group}/${version}`,
      kind: 'Host',
      metadata: { name },
      spec,
    })
    const create = (version: string, name: string, spec: object, query = ''): Promise<Answer> =>
      http(pathOf(version, query), { method: 'POST', body: host(version, name, spec) })
    const patch = (path: string, body: object, type = 'merge-patch+json'): Promise<Answer> =>
      http(path, { method: 'PATCH', body, headers: { 'content-type': `application/${type}` } })
    const get = async (version: string, name: string): Promise<HostObject> =>
      (await http(pathOf(version, `/${name}`))).json as HostObject
    const stored = async (name: string): Promise<HostObject> => {
      using etcd = running().newEtcdClient()
      const key = Buffer.from(`/registry/${group}/hosts/default/${name}`)
      const { kvs } = await etcd.range({ key })
      return JSON.parse(Buffer.from(kvs[0]?.value ?? '{}').toString()) as HostObject
    }
    const redefine = async (wanted: object): Promise<void> => {
      const { stderr } = await kubectl.run(['apply', '-f', '-'], { input: JSON.stringify(wanted) })
      assert.equal(stderr, '')
    }

    before(async () => {
      ;({ kubectl } = running())
      http = createHttp(running(), pkiCredentials(running(), 'admin'))
      converter = await startConversionServer()
      await define(kubectl, hosts(group, webhook()))
    })
    after(() => converter[Symbol.asyncDispose]())

    it('is stored in one version, and written and read in every one', async () => {
      const answer = await create('v2', 'a', { host: 'a.example.com', port: '80' })
      assert.equal(answer.code, 201, answer.text)
      assert.deepEqual((answer.json as HostObject).spec, { host: 'a.example.com', port: '80' })
      assert.equal(answer.json['apiVersion'], `${group}/v2`)
      assert.deepEqual((await get('v1', 'a')).spec, { hostPort: 'a.example.com:80' })
      assert.equal((await stored('a')).apiVersion, `${group}/v1`)
      const object = await get('v2', 'a')
      const put = await http(pathOf('v2', '/a'), {
        method: 'PUT',
        body: { ...object, spec: { ...object.spec, port: '81', replicas: 2 } },
      })
      assert.equal(put.code, 200, put.text)
      assert.equal((put.json as HostObject).metadata?.generation, 2)
      assert.deepEqual((await get('v1', 'a')).spec, { hostPort: 'a.example.com:81', replicas: 2 })
    })

    it('is validated in the version of the request, and pruned in both', async () => {
      const refused = await create('v1', 'bad', { hostPort: 'NO' })
      assert.equal(refused.code, 422)
      // What v1 does not know is gone once it was stored.
      const answer = await create('v2', 'pruned', { host: 'p.example.com', port: '1', note: 'lost' })
      assert.deepEqual((answer.json as HostObject).spec, { host: 'p.example.com', port: '1' })
      const dry = await create('v2', 'dry', { host: 'd.example.com', port: '1', note: 'lost' }, '?dryRun=All')
      assert.deepEqual((dry.json as HostObject).spec, { host: 'd.example.com', port: '1' })
      assert.equal((await http(pathOf('v1', '/dry'))).code, 404)
    })

    it('is listed, shown in columns and selected in every version', async () => {
      const list = await http(pathOf('v2'))
      assert.deepEqual(
        (list.json['items'] as HostObject[]).map(({ spec }) => spec?.host),
        ['a.example.com', 'p.example.com'],
      )
      assert.match(await kubectl('get', `hosts.v2.${group}`), /NAME +HOST\na +a\.example\.com\n/)
      const selected = await http(pathOf('v2', '?fieldSelector=spec.host%3Dp.example.com'))
      assert.deepEqual(
        (selected.json['items'] as HostObject[]).map(({ metadata }) => metadata?.name),
        ['pruned'],
      )
      assert.equal((await http(pathOf('v1', '?fieldSelector=spec.host%3Dp.example.com'))).code, 400)
      const page = await http(pathOf('v2', '?limit=1'))
      const rest = await http(
        pathOf('v2', `?limit=5&continue=${(page.json['metadata'] as { continue: string }).continue}`),
      )
      assert.equal((rest.json['items'] as HostObject[])[0]?.spec?.host, 'p.example.com')
    })

    it('is watched in every version, and converted once for all watchers', async () => {
      const watches = await Promise.all(
        ['v2', 'v2', 'v2', 'v1'].map((version) =>
          startWatch(running(), pathOf(version, '?watch=true&fieldSelector=metadata.name%3Dseen')),
        ),
      )
      const before = converter.calls().length
      await create('v1', 'seen', { hostPort: 'w.example.com:1' })
      const events = await Promise.all(watches.map((watch) => watch.until('ADDED')))
      assert.deepEqual(
        events.map((seen) => (seen.at(-1)?.object as HostObject | undefined)?.spec),
        [...Array.from({ length: 3 }, () => ({ host: 'w.example.com', port: '1' })), { hostPort: 'w.example.com:1' }],
      )
      assert.equal(converter.calls().length - before, 1)
      await http(pathOf('v1', '/seen'), { method: 'DELETE' })
      const gone = await Promise.all(watches.map((watch) => watch.until('DELETED')))
      assert.equal(gone[0]?.at(-1)?.object.apiVersion, `${group}/v2`)
      for (const watch of watches) watch.close()
      const initial = await startWatch(running(), pathOf('v2', '?watch=true&resourceVersion=0'))
      assert.equal((await initial.until('ADDED'))[0]?.object.apiVersion, `${group}/v2`)
      initial.close()
    })

    it('is patched and applied in the version of the request, by managers of several versions', async () => {
      const apply = (version: string, manager: string, spec: object, query = ''): Promise<Answer> =>
        patch(pathOf(version, `/ssa?fieldManager=${manager}${query}`), host(version, 'ssa', spec), 'apply-patch+yaml')
      assert.equal((await apply('v2', 'two', { host: 's.example.com', port: '1' })).code, 201)
      const conflict = await apply('v1', 'one', { hostPort: 's.example.com:2' })
      assert.equal(conflict.code, 409, conflict.text)
      assert.match(conflict.status.message ?? '', /conflict with "two".*: \.spec\.port$/)
      const forced = await apply('v1', 'one', { hostPort: 's.example.com:2' }, '&force=true')
      assert.equal(forced.code, 200, forced.text)
      assert.deepEqual((await get('v2', 'ssa')).spec, { host: 's.example.com', port: '2' })
      const managers = (await get('v1', 'ssa')).metadata?.managedFields ?? []
      assert.deepEqual(new Set(managers.map(({ apiVersion }) => apiVersion)), new Set([`${group}/v1`, `${group}/v2`]))
      const merged = await patch(pathOf('v2', '/ssa'), { spec: { port: '3', replicas: 3 } })
      assert.equal(merged.code, 200, merged.text)
      assert.deepEqual((await get('v1', 'ssa')).spec, { hostPort: 's.example.com:3', replicas: 3 })
      const refused = await apply('v2', 'three', { replicas: 4 })
      assert.equal(refused.code, 409)
      assert.match(
        refused.status.message ?? '',
        /conflict with ".*" using conversion\.example\.com\/v2: \.spec\.replicas/,
      )
    })

    it('has its status and scale in every version', async () => {
      const status = await patch(pathOf('v2', '/a/status'), {
        status: { phase: 'Up', replicas: 2 },
        spec: { port: '9' },
      })
      assert.equal(status.code, 200, status.text)
      const { spec, status: seen } = await get('v1', 'a')
      assert.deepEqual(
        [spec, seen],
        [
          { hostPort: 'a.example.com:81', replicas: 2 },
          { phase: 'Up', replicas: 2 },
        ],
      )
      const scaled = await patch(pathOf('v2', '/a/scale'), { spec: { replicas: 5 } })
      assert.equal(scaled.code, 200, scaled.text)
      assert.equal((await get('v1', 'a')).spec?.replicas, 5)
    })

    it('may be given other labels and annotations, and nothing else of metadata', async () => {
      converter.answerWith((objects) => ({
        result: success,
        convertedObjects: objects.map((object) => ({
          ...object,
          metadata: { ...object.metadata, labels: { made: 'up' }, generation: 99, finalizers: ['not/kept'] },
        })),
      }))
      await create('v1', 'labelled', { hostPort: 'l.example.com:1' })
      const { metadata } = await get('v2', 'labelled')
      assert.deepEqual([metadata?.labels, metadata?.generation, metadata?.finalizers], [{ made: 'up' }, 1, undefined])
      converter.answerWith(undefined)
    })

    it('fails in upstream’s words while the webhook does, and its stored version does not', async () => {
      const kind = `${group}/v1, Kind=Host`
      await create('v1', 'failing', { hostPort: 'f.example.com:1' })
      const failures: [string, (objects: HostObject[]) => Record<string, unknown>, RegExp][] = [
        ['refusing', () => ({ result: { status: 'Failure', message: 'no way' } }), /failed: no way$/],
        ['saying nothing', () => ({}), /failed: response\.result\.status was '', not 'Success'$/],
        ['short', () => ({ result: success, convertedObjects: [] }), /returned 0 objects, expected \d+$/],
        [
          'wrong version',
          (objects) => ({ result: success, convertedObjects: objects.map((o) => ({ ...o, apiVersion: 'x/v9' })) }),
          /returned invalid object at index 0: invalid groupVersion \(expected conversion\.example\.com\/v2, received x\/v9\)$/,
        ],
        [
          'wrong name',
          (objects) => ({
            result: success,
            convertedObjects: objects.map((o) => ({ ...o, metadata: { ...o.metadata, name: 'x' } })),
          }),
          /returned invalid object: must have the same name: \w+ != x$/,
        ],
        [
          'bad labels',
          (objects) => ({
            result: success,
            convertedObjects: objects.map((o) => ({ ...o, metadata: { ...o.metadata, labels: { a: 1 } } })),
          }),
          /returned invalid metadata: metadata\.labels\[a\] must be a string, but is int64 in converted object$/,
        ],
        ['not there', () => ({ code: 500, raw: 'oops' }), /failed: an error on the server \("oops"\) has prevented/],
      ]
      for (const [what, answer, message] of failures) {
        converter.answerWith(answer)
        // Forgets what was converted before.
        await redefine(hosts(group, webhook(['v1', `v9${what.replaceAll(' ', '')}`])))
        const answered = await waitFor(
          async () => {
            const { code, status } = await http(pathOf('v2', '/failing'))
            return code === 500 && message.test(status.message ?? '') ? status : undefined
          },
          { what: `an answer that is ${what}` },
        )
        assert.match(answered.message ?? '', new RegExp(`^conversion webhook for ${RegExp.escape(kind)} `))
        assert.equal(answered.reason, undefined)
        assert.equal((await http(pathOf('v2'))).code, 500, what)
        const watched = await http(pathOf('v2', '?watch=true'))
        assert.deepEqual([watched.code, watched.status.message], [429, 'storage is (re)initializing'], what)
        assert.equal((await create('v2', 'new', { host: 'n', port: '1' })).code, 500, what)
      }
      assert.deepEqual((await get('v1', 'failing')).spec, { hostPort: 'f.example.com:1' })
      converter.answerWith(undefined)
      assert.deepEqual((await get('v2', 'failing')).spec, { host: 'f.example.com', port: '1' })
      const { text } = await http('/metrics')
      assert.match(text, /apiserver_conversion_webhook_request_total\{result="success",failure_type=""\} [1-9]/)
      assert.match(text, /failure_type="conversion_webhook_call_failure"\} [1-9]/)
    })

    it('is converted as its definition says from the moment it says so', async () => {
      await redefine(hosts(group, webhook(['v1'], '/elsewhere')))
      const { message = '' } = await waitFor(
        async () => {
          const { code, status } = await http(pathOf('v2', '/a'))
          return code === 500 ? status : undefined
        },
        { what: 'the other webhook to be asked' },
      )
      assert.match(message, /failed: the server could not find the requested resource$/)
      await redefine(hosts(group, webhook(['v1beta1', 'v1'])))
      await waitFor(async () => (await http(pathOf('v2', '/a'))).code === 200, {
        what: 'the webhook to be asked again',
      })
      assert.equal(converter.server.reviews.at(-1)?.apiVersion, 'apiextensions.k8s.io/v1beta1')
    })

    it('is stored anew in another version as objects are written', async () => {
      await redefine(hosts(group, webhook(), 'v2'))
      const definition = await kubectl.json<{ status: { storedVersions: string[] } }>('get', 'crd', `hosts.${group}`)
      assert.deepEqual(definition.status.storedVersions, ['v1', 'v2'])
      await waitFor(async () => (await create('v1', 'newer', { hostPort: 'n.example.com:1' })).code < 500, {
        what: 'an object in the new version',
      })
      await waitFor(async () => (await stored('newer')).apiVersion === `${group}/v2`, { what: 'the new version' })
      assert.equal((await stored('a')).apiVersion, `${group}/v1`)
      const list = await http(pathOf('v2'))
      assert.ok((list.json['items'] as HostObject[]).every(({ apiVersion }) => apiVersion === `${group}/v2`))
      // Defaults of the version that an object is stored in are filled in where it is read.
      assert.equal((await get('v2', 'newer')).spec?.note, 'none')
      const object = await get('v2', 'a')
      const put = await http(pathOf('v2', '/a'), { method: 'PUT', body: object })
      assert.equal(put.code, 200, put.text)
      assert.equal((await stored('a')).apiVersion, `${group}/v2`)
    })

    it('may have its versions by name alone: then nobody is asked', async () => {
      const plain = 'plain.example.com'
      const withoutWebhook = (stored: 'v1' | 'v2'): CustomResourceDefinition => {
        const definition = hosts(plain, webhook(), stored)
        return { ...definition, spec: { ...definition.spec, conversion: { strategy: 'None' } } }
      }
      await define(kubectl, withoutWebhook('v1'))
      const asked = converter.calls().length
      const path = (version: string) => `/apis/${plain}/${version}/namespaces/default/hosts`
      const object = { apiVersion: `${plain}/v1`, kind: 'Host', metadata: { name: 'old' }, spec: { replicas: 3 } }
      assert.equal((await http(path('v1'), { method: 'POST', body: object })).code, 201)
      await redefine(withoutWebhook('v2'))
      const body = { ...object, apiVersion: `${plain}/v2`, metadata: { name: 'new' } }
      await waitFor(
        async () => {
          await http(path('v2'), { method: 'POST', body })
          const { items } = (await http(path('v1'))).json as { items?: HostObject[] }
          return items?.length === 2
        },
        { what: 'both objects' },
      )
      for (const version of ['v1', 'v2']) {
        const { items } = (await http(path(version))).json as { items: HostObject[] }
        assert.deepEqual(
          items.map(({ apiVersion, metadata, spec }) => [apiVersion, metadata?.name, spec?.replicas]),
          [
            [`${plain}/${version}`, 'new', 3],
            [`${plain}/${version}`, 'old', 3],
          ],
        )
      }
      const scaled = await patch(`${path('v2')}/old`, { spec: { replicas: 4 } })
      assert.equal(scaled.code, 200, scaled.text)
      assert.equal(converter.calls().length, asked)
      await kubectl('delete', 'crd', `hosts.${plain}`)
    })

    it('holds its definition while it cannot be converted, and goes with it', async () => {
      converter.answerWith(() => ({ code: 500, raw: 'oops' }))
      // Forgets what was converted before: objects of the old version cannot be read any more.
      await redefine(hosts(group, webhook(['v1', 'v9']), 'v2'))
      await waitFor(async () => (await http(pathOf('v2'))).code === 500, { what: 'a list that cannot be had' })
      await kubectl('delete', 'crd', `hosts.${group}`, '--wait=false')
      const why = await waitFor(
        async () => {
          const { status } = await kubectl.json<CustomResourceDefinition>('get', 'crd', `hosts.${group}`)
          return status?.conditions?.find(({ reason }) => reason === 'InstanceDeletionFailed')?.message
        },
        { what: 'the definition to be held' },
      )
      assert.match(why, /^could not list instances: conversion webhook for .* failed: /)
      converter.answerWith(undefined)
      await waitFor(async () => (await http(pathOf('v1'))).code === 404, { what: 'the definition to go' })
    })
  })
}
