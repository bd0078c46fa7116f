/** Custom resources are as good citizens as Pods: pruned, defaulted, validated, patched, applied, watched, shown. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Answer, createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { cronTabs, define } from './fixtures.ts'

const group = 'stable.example.com'
const base = `/apis/${group}/v1/namespaces/default/crontabs`

const cronTab = (name: string, spec: object = {}): object => ({
  apiVersion: `${group}/v1`,
  kind: 'CronTab',
  metadata: { name },
  spec: { cronSpec: '* * * * */5', ...spec },
})

export const describeCustomObjects = (running: () => TestCluster): void => {
  describe('a custom resource', () => {
    let kubectl: Kubectl
    let http: Http
    const create = (object: object, query = ''): Promise<Answer> =>
      http(`${base}${query}`, { method: 'POST', body: object })
    const patch = (path: string, body: object, type = 'merge-patch+json'): Promise<Answer> =>
      http(`${base}/${path}`, { method: 'PATCH', body, headers: { 'content-type': `application/${type}` } })
    const specOf = ({ json }: Answer) => json['spec'] as Record<string, unknown>
    const metadataOf = ({ json }: Answer) => (json as KubeObject).metadata ?? {}

    before(async () => {
      ;({ kubectl } = running())
      http = createHttp(running(), pkiCredentials(running(), 'admin'))
      await define(kubectl, cronTabs(group))
    })

    it('is pruned, defaulted and written in order', async () => {
      const extra = { any: { thing: [1, { b: 2 }] } }
      const answer = await create(
        { ...cronTab('tidy', { unknown: 1, extra, steps: [{ name: 'a', no: 1 }], labels: { k: 'v' } }), stray: true },
        '?fieldValidation=Ignore',
      )
      assert.equal(answer.code, 201)
      assert.deepEqual(specOf(answer), {
        cronSpec: '* * * * */5',
        extra,
        image: 'busybox',
        labels: { k: 'v' },
        replicas: 1,
        steps: [{ name: 'a', retries: 3 }],
      })
      assert.ok(!('stray' in answer.json))
      assert.deepEqual(Object.keys(answer.json), ['apiVersion', 'kind', 'metadata', 'spec'])
      assert.deepEqual(Object.keys(specOf(answer)), ['cronSpec', 'extra', 'image', 'labels', 'replicas', 'steps'])
      assert.equal(metadataOf(answer).generation, 1)
      assert.deepEqual((await http(`${base}/tidy`)).json, answer.json)
    })

    it('is told about unknown fields as strictly as it asks', async () => {
      const strict = await create(
        cronTab('strict', { unknown: 1, steps: [{ name: 'a', no: 1 }] }),
        '?fieldValidation=Strict',
      )
      assert.equal(strict.code, 400)
      assert.match(strict.status.message ?? '', /strict decoding error: .*unknown field "spec\.unknown"/)
      assert.match(strict.status.message ?? '', /unknown field "spec\.steps\[0\]\.no"/)
      const warned = await create(cronTab('warned', { unknown: 1 }), '?fieldValidation=Warn')
      assert.equal(warned.headers['warning'], '299 - "unknown field \\"spec.unknown\\""')
    })

    it('is validated in upstream’s words', async () => {
      const causes = async (spec: object) => {
        const answer = await create(cronTab('bad', spec))
        assert.equal(answer.code, 422)
        return (answer.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`)
      }
      assert.deepEqual(await causes({ cronSpec: 'often' }), [
        String.raw`spec.cronSpec: Invalid value: "often": spec.cronSpec in body should match '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'`,
      ])
      assert.deepEqual(await causes({ replicas: 0 }), [
        'spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1',
      ])
      assert.deepEqual(await causes({ replicas: 'two' }), [
        'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
      ])
      assert.deepEqual(await causes({ mode: 'Medium' }), [
        'spec.mode: Unsupported value: "Medium": supported values: "Fast", "Slow"',
      ])
      assert.deepEqual(await causes({ cronSpec: null }), ['spec.cronSpec: Required value'])
      assert.deepEqual(await causes({ steps: [{ name: 'a' }, { name: 'a' }] }), [
        'spec.steps[1]: Duplicate value: {"name":"a"}',
      ])
      assert.deepEqual(await causes({ port: true }), [
        'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
      ])
      const { stderr } = await kubectl.run(['create', '-f', '-'], {
        input: JSON.stringify(cronTab('bad', { image: 'x'.repeat(21) })),
      })
      assert.match(stderr, /The CronTab "bad" is invalid: spec\.image: Too long: may not be more than 20 bytes/)
    })

    it('takes JSON and merge patches, no strategic ones, and counts its generations', async () => {
      await create(cronTab('patched'))
      const merged = await patch('patched', { spec: { replicas: 3, nothing: 1 } })
      assert.deepEqual(
        [specOf(merged)['replicas'], specOf(merged)['nothing'], metadataOf(merged).generation],
        [3, undefined, 2],
      )
      const json = await patch('patched', [{ op: 'replace', path: '/spec/replicas', value: 4 }], 'json-patch+json')
      assert.equal(specOf(json)['replicas'], 4)
      assert.equal((await patch('patched', { spec: {} }, 'strategic-merge-patch+json')).code, 415)
      const labelled = await patch('patched', { metadata: { labels: { a: 'b' } } })
      assert.equal(metadataOf(labelled).generation, 3)
      const same = await patch('patched', { metadata: { labels: { a: 'b' } } })
      assert.equal(metadataOf(same).resourceVersion, metadataOf(labelled).resourceVersion)
    })

    it('keeps spec and status apart, and scales', async () => {
      await create({ ...cronTab('scaled'), status: { ready: true } })
      assert.equal((await http(`${base}/scaled`)).json['status'], undefined)
      const status = await patch('scaled/status', {
        spec: { replicas: 9 },
        status: { replicas: 1, labelSelector: 'a=b' },
      })
      assert.deepEqual([specOf(status)['replicas'], status.json['status']], [1, { labelSelector: 'a=b', replicas: 1 }])
      assert.equal(metadataOf(status).generation, 1)
      assert.match(await kubectl('scale', `crontabs.${group}/scaled`, '--replicas=5'), /scaled/)
      const scale = (await http(`${base}/scaled/scale`)).json
      assert.deepEqual([scale['spec'], scale['status']], [{ replicas: 5 }, { replicas: 1, selector: 'a=b' }])
      assert.equal((await patch('scaled/status', { status: { ready: 'yes' } })).code, 422)
    })

    it('is applied by managers who share it', async () => {
      const apply = (manager: string, spec: object, force = false): Promise<Answer> =>
        http(`${base}/shared?fieldManager=${manager}&force=${force}`, {
          method: 'PATCH',
          body: { ...cronTab('shared', spec) },
          headers: { 'content-type': 'application/apply-patch+yaml' },
        })
      assert.equal((await apply('one', { steps: [{ name: 'a' }] })).code, 201)
      const two = await apply('two', { steps: [{ name: 'b', retries: 5 }] })
      assert.deepEqual(specOf(two)['steps'], [
        { name: 'a', retries: 3 },
        { name: 'b', retries: 5 },
      ])
      const conflict = await apply('one', { steps: [{ name: 'a' }, { name: 'b', retries: 6 }] })
      assert.equal(conflict.code, 409)
      assert.match(conflict.status.message ?? '', /conflict with "two": \.spec\.steps\[name="b"\]\.retries/)
      assert.equal((await apply('one', { nothing: 1 })).code, 500)
      const gone = await apply('two', {})
      assert.deepEqual(specOf(gone)['steps'], [{ name: 'a', retries: 3 }])
    })

    it('is listed, selected, shown in columns and watched', async () => {
      await create(cronTab('fast', { mode: 'Fast' }))
      await create(cronTab('slow', { mode: 'Slow', steps: [{ name: 'x' }, { name: 'y' }] }))
      const names = async (selector: string) =>
        ((await http(`${base}?fieldSelector=${selector}`)).json['items'] as KubeObject[]).map(
          ({ metadata }) => metadata?.name,
        )
      assert.deepEqual(await names('spec.mode%3DFast'), ['fast'])
      assert.equal((await http(`${base}?fieldSelector=spec.image%3Dx`)).code, 400)
      const { json } = await http(base)
      assert.deepEqual([json['kind'], json['apiVersion']], ['CronTabList', `${group}/v1`])
      const table = await kubectl('get', `crontabs.${group}`, 'slow', '-o', 'wide')
      assert.match(table, /^NAME\s+SPEC\s+REPLICAS\s+STEPS\s+AGE\nslow\s+\* \* \* \* \*\/5\s+1\s+x,y\s+\d+/)
      const seen: string[] = []
      const watching = (async () => {
        const url = `${base}?watch=true&fieldSelector=spec.mode%3DFast`
        const text = await kubectl('get', '--raw', `${url}&timeoutSeconds=3`)
        for (const line of text.trim().split('\n')) {
          const { type, object } = JSON.parse(line) as { type: string; object: KubeObject }
          seen.push(`${type} ${object.metadata?.name}`)
        }
      })()
      await waitFor(async () => (await patch('slow', { spec: { mode: 'Fast' } })).code === 200, { what: 'the patch' })
      await watching
      assert.deepEqual(seen.slice(0, 1), ['ADDED fast'])
      assert.ok(seen.includes('ADDED slow'))
    })

    it('is read in another version, which is deprecated', async () => {
      const answer = await http(`/apis/${group}/v1beta1/namespaces/default/crontabs/fast`)
      assert.equal(answer.json['apiVersion'], `${group}/v1beta1`)
      assert.equal(answer.headers['warning'], `299 - "${group}/v1beta1 CronTab is deprecated"`)
      assert.deepEqual(specOf(answer), specOf(await http(`${base}/fast`)))
    })

    it('is collected as garbage with its owner, and goes with its namespace', async () => {
      const owner = metadataOf(await create(cronTab('owner')))
      const ownerReferences = [{ apiVersion: `${group}/v1`, kind: 'CronTab', name: 'owner', uid: owner.uid }]
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ownerReferences } }
      await http('/api/v1/namespaces/default/configmaps', { method: 'POST', body: object })
      await http(`${base}/owner`, { method: 'DELETE' })
      await waitFor(async () => (await http('/api/v1/namespaces/default/configmaps/owned')).code === 404, {
        what: 'the owned object to go',
        timeoutMs: 60_000,
      })
      await kubectl('create', 'namespace', 'custom')
      const elsewhere = `/apis/${group}/v1/namespaces/custom/crontabs`
      assert.equal((await http(elsewhere, { method: 'POST', body: cronTab('there') })).code, 201)
      await kubectl('delete', 'namespace', 'custom', '--timeout=60s')
      assert.equal((await http(`${elsewhere}/there`)).code, 404)
    })
  })
}
