/** managedFields after writes that are no applies. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import {
  adminHttp,
  assertCode,
  configMap,
  configMaps,
  deployment,
  deployments,
  entriesOf,
  fieldsOf,
  mergeTo,
  namesOf,
  objectOf,
} from './fixtures.ts'

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 443 }, { containerPort: 80 }] }] },
})

export const describeTracking = (cluster: () => TestCluster): void => {
  describe('tracking', () => {
    it('writes what upstream writes for a new Pod, the work of admission left out', async () => {
      const http = adminHttp(cluster())
      const headers = { 'user-agent': 'my-tool/v1 (linux)' }
      const made = assertCode(
        await http('/api/v1/namespaces/default/pods', { method: 'POST', body: pod('tracked'), headers }),
        201,
      )
      const [entry] = entriesOf(made)
      assert.deepEqual(Object.keys(entry ?? {}).sort(), [
        'apiVersion',
        'fieldsType',
        'fieldsV1',
        'manager',
        'operation',
        'time',
      ])
      assert.deepEqual(namesOf(made), ['my-tool Update'])
      const port = { '.': {}, 'f:containerPort': {}, 'f:protocol': {} }
      assert.deepEqual(fieldsOf(made, 'my-tool'), {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {},
              'f:image': {},
              'f:imagePullPolicy': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': port,
                'k:{"containerPort":443,"protocol":"TCP"}': port,
              },
              'f:resources': {},
              'f:terminationMessagePath': {},
              'f:terminationMessagePolicy': {},
            },
          },
          'f:dnsPolicy': {},
          'f:enableServiceLinks': {},
          'f:restartPolicy': {},
          'f:schedulerName': {},
          'f:securityContext': {},
          'f:terminationGracePeriodSeconds': {},
        },
      })
      assert.match(made.text, /"k:\{\\"containerPort\\":80,.*"k:\{\\"containerPort\\":443,/)
    })

    it('gives changed fields to who changed them, and takes them from who had them', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/passed`
      assertCode(
        await http(`${configMaps}?fieldManager=one`, { method: 'POST', body: configMap('passed', { a: '1', b: '1' }) }),
        201,
      )
      const put = { method: 'PUT', body: configMap('passed', { a: '2', b: '1' }) }
      const second = assertCode(await http(`${path}?fieldManager=two`, put), 200)
      assert.deepEqual(fieldsOf(second, 'one'), { 'f:data': { '.': {}, 'f:b': {} } })
      assert.deepEqual(fieldsOf(second, 'two'), { 'f:data': { 'f:a': {} } })
      const third = assertCode(await mergeTo(http, path, { data: { a: null } }, 'three'), 200)
      assert.deepEqual(namesOf(third), ['one Update'])
    })

    it('writes nothing where nothing changes', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/still`
      const made = assertCode(await http(configMaps, { method: 'POST', body: configMap('still', { a: '1' }) }), 201)
      const { resourceVersion } = objectOf(made).metadata ?? {}
      for (const answer of [
        await http(`${path}?fieldManager=other`, { method: 'PUT', body: made.json }),
        await mergeTo(http, path, { data: { a: '1' } }),
        await mergeTo(http, path, {}),
      ]) {
        assert.equal(objectOf(assertCode(answer, 200)).metadata?.resourceVersion, resourceVersion)
      }
    })

    it('knows status and scale by their subresource', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/subs`
      const body = deployment('subs', { replicas: 0, paused: true })
      assertCode(await http(`${deployments}?fieldManager=one`, { method: 'POST', body }), 201)
      // Looked at in the answer: the controller writes its status at once.
      const status = { collisionCount: 3 }
      const reported = assertCode(await mergeTo(http, `${path}/status`, { status }, 'two'), 200)
      assert.ok(namesOf(reported).includes('one Update') && namesOf(reported).includes('two Update status'))
      assert.deepEqual(fieldsOf(reported, 'two'), { 'f:status': { 'f:collisionCount': {} } })
      assertCode(await mergeTo(http, `${path}/scale`, { spec: { replicas: 1 } }, 'three'), 200)
      assert.ok(namesOf(await http(path)).includes('three Update scale'))
      const live = await http(path)
      assert.deepEqual(fieldsOf(live, 'three'), { 'f:spec': { 'f:replicas': {} } })
      assert.doesNotMatch(JSON.stringify(fieldsOf(live, 'one')), /f:replicas/)
    })

    it('folds the oldest of more than ten updaters into one', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/many`
      assertCode(
        await http(`${configMaps}?fieldManager=m0`, { method: 'POST', body: configMap('many', { k0: '' }) }),
        201,
      )
      for (let i = 1; i < 13; i++) {
        // One second has one order only: that of names.
        assertCode(await mergeTo(http, path, { data: { [`k${i}`]: '' } }, `m${String(i).padStart(2, '0')}`), 200)
      }
      const names = namesOf(await http(path))
      assert.equal(names.length, 10)
      assert.ok(names.includes('ancient-changes Update') && names.includes('m12 Update'))
    })

    it('names the API server where it writes itself', async () => {
      const http = adminHttp(cluster())
      assert.deepEqual(namesOf(await http('/api/v1/namespaces/default')), ['kube-apiserver Update'])
      assert.deepEqual(namesOf(await http(`/api/v1/namespaces/default/services/kubernetes`)), ['kube-apiserver Update'])
    })
  })
}
