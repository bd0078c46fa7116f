/** Who owns what, and what that means for the others. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConfigMap, Deployment, Service } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import {
  adminHttp,
  applyTo,
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
  services,
} from './fixtures.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

export const describeOwnership = (cluster: () => TestCluster): void => {
  describe('ownership', () => {
    it('makes a change of what others own a conflict, which force resolves', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/owned`
      assertCode(await applyTo(http, path, deployment('owned', { replicas: 0 }), { manager: 'one' }), 201)
      const refused = assertCode(
        await applyTo(http, path, deployment('owned', { replicas: 0 }, { image: 'other' }), { manager: 'two' }),
        409,
      )
      assert.equal(refused.status.reason, 'Conflict')
      assert.equal(
        refused.status.message,
        'Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="c"].image',
      )
      assert.deepEqual(refused.status.details?.causes, [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "one"',
          field: '.spec.template.spec.containers[name="c"].image',
        },
      ])
      const forced = deployment('owned', { replicas: 0 }, { image: 'other' })
      const taken = assertCode(await applyTo(http, path, forced, { manager: 'two', query: 'force=true' }), 200)
      assert.equal((objectOf(taken) as Deployment).spec?.template.spec?.containers?.[0]?.image, 'other')
      assert.doesNotMatch(JSON.stringify(fieldsOf(taken, 'one')), /f:image/)
      assert.match(JSON.stringify(fieldsOf(taken, 'two')), /"f:image":\{\}/)
    })

    it('counts plain updaters, in the version that they used', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/updated`
      assertCode(await applyTo(http, path, deployment('updated', { replicas: 0 }), { manager: 'one' }), 201)
      assertCode(await mergeTo(http, path, { spec: { replicas: 1, minReadySeconds: 3 } }), 200)
      const wanted = deployment('updated', { replicas: 0, minReadySeconds: 4 })
      const refused = assertCode(await applyTo(http, path, wanted, { manager: 'one' }), 409)
      assert.equal(
        refused.status.message,
        'Apply failed with 2 conflicts: conflicts with "merger" using apps/v1:\n- .spec.minReadySeconds\n- .spec.replicas',
      )
    })

    it('is shared where two want the same, and a field goes with its last owner', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/shared`
      assertCode(await applyTo(http, path, configMap('shared', { a: '1', b: '1' }), { manager: 'one' }), 201)
      assertCode(await applyTo(http, path, configMap('shared', { a: '1' }), { manager: 'two' }), 200)
      const first = assertCode(await applyTo(http, path, configMap('shared', {}), { manager: 'one' }), 200)
      assert.deepEqual((objectOf(first) as ConfigMap).data, { a: '1' })
      const second = assertCode(await applyTo(http, path, configMap('shared', {}), { manager: 'two' }), 200)
      assert.equal((objectOf(second) as ConfigMap).data, undefined)
    })

    it('changes nothing, not even the version, where the same is applied again', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/again`
      const first = assertCode(await applyTo(http, path, deployment('again', { replicas: 0, paused: true })), 201)
      const { generation } = objectOf(first).metadata ?? {}
      const second = assertCode(await applyTo(http, path, deployment('again', { replicas: 0, paused: true })), 200)
      assert.equal(objectOf(second).metadata?.generation, generation)
      const third = assertCode(await applyTo(http, path, deployment('again', { replicas: 0, paused: true })), 200)
      const mine = (answer: typeof third) => entriesOf(answer).find(({ manager }) => manager === 'tester')
      assert.deepEqual(mine(third), mine(first))
    })

    it('merges lists by their keys, defaults among them, and sets by their values', async () => {
      const http = adminHttp(cluster())
      const path = `${services}/listed`
      const ports = (...list: object[]) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'listed' },
        spec: { ports: list },
      })
      assertCode(await applyTo(http, path, ports({ name: 'a', port: 80 }), { manager: 'one' }), 201)
      const both = ports({ name: 'b', port: 81, protocol: 'TCP' }, { name: 'c', port: 80, protocol: 'UDP' })
      const merged = assertCode(await applyTo(http, path, both, { manager: 'two' }), 200)
      assert.deepEqual(
        (objectOf(merged) as Service).spec?.ports?.map(({ name, port, protocol }) => `${name} ${port} ${protocol}`),
        ['a 80 TCP', 'b 81 TCP', 'c 80 UDP'],
      )
      const finalizers = (name: string) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'sets', finalizers: [name] },
      })
      assertCode(await applyTo(http, `${configMaps}/sets`, finalizers('a.test/a'), { manager: 'one' }), 201)
      const two = assertCode(await applyTo(http, `${configMaps}/sets`, finalizers('a.test/b'), { manager: 'two' }), 200)
      assert.deepEqual(objectOf(two).metadata?.finalizers, ['a.test/a', 'a.test/b'])
      assert.deepEqual(fieldsOf(two, 'two'), { 'f:metadata': { 'f:finalizers': { 'v:"a.test/b"': {} } } })
      assertCode(await mergeTo(http, `${configMaps}/sets`, { metadata: { finalizers: null } }), 200)
    })

    it('of what was before the first apply is with before-first-apply', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/before`
      assertCode(await http(configMaps, { method: 'POST', body: configMap('before', { a: '1' }) }), 201)
      const emptied = assertCode(await mergeTo(http, path, { metadata: { managedFields: [{}] } }), 200)
      assert.deepEqual(entriesOf(emptied), [])
      // Nobody is tracked until the next apply.
      assert.deepEqual(entriesOf(await mergeTo(http, path, { data: { b: '1' } })), [])
      const refused = assertCode(await applyTo(http, path, configMap('before', { a: '2' })), 409)
      assert.match(refused.status.message ?? '', /conflict with "before-first-apply" using v1: \.data\.a$/)
      const applied = assertCode(await applyTo(http, path, configMap('before', { c: '1' })), 200)
      assert.deepEqual(namesOf(applied), ['tester Apply', 'before-first-apply Update'])
    })

    it('passes from client-side apply to kubectl without a conflict, and keeps its annotation', async () => {
      const http = adminHttp(cluster())
      const path = `${configMaps}/upgraded`
      const former = configMap('upgraded', { a: '1', b: '1' })
      const annotated = configMap(
        'upgraded',
        { a: '1', b: '1' },
        { annotations: { [lastApplied]: JSON.stringify(former) } },
      )
      const client = `${configMaps}?fieldManager=kubectl-client-side-apply`
      assertCode(await http(client, { method: 'POST', body: annotated }), 201)
      const next = configMap('upgraded', { a: '2' })
      assertCode(await applyTo(http, path, next), 409)
      const upgraded = assertCode(await applyTo(http, path, next, { manager: 'kubectl' }), 200)
      assert.deepEqual((objectOf(upgraded) as ConfigMap).data, { a: '2', b: '1' })
      assert.equal(
        objectOf(upgraded).metadata?.annotations?.[lastApplied],
        '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"upgraded"}}\n',
      )
    })

    it('is followed from one version of a kind to another', async () => {
      const http = adminHttp(cluster())
      const path = (version: string) =>
        `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/versions`
      const autoscaler = {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'versions' },
        spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' } },
      }
      assertCode(await applyTo(http, path('v2'), autoscaler, { manager: 'one' }), 201)
      const older = assertCode(await mergeTo(http, path('v1'), { spec: { maxReplicas: 5 } }, 'two'), 200)
      assert.deepEqual(fieldsOf(older, 'two'), { 'f:spec': { 'f:maxReplicas': {} } })
      assert.doesNotMatch(JSON.stringify(fieldsOf(older, 'one')), /f:maxReplicas/)
      const refused = assertCode(await applyTo(http, path('v2'), autoscaler, { manager: 'one' }), 409)
      assert.equal(
        refused.status.message,
        'Apply failed with 1 conflict: conflict with "two" using autoscaling/v1: .spec.maxReplicas',
      )
    })

    it('keeps spec and status apart', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/apart`
      assertCode(await applyTo(http, path, deployment('apart', { replicas: 0, paused: true })), 201)
      const status = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'apart' },
        spec: { replicas: 5 },
        status: { conditions: [{ type: 'Tested', status: 'True' }] },
      }
      const written = assertCode(await applyTo(http, `${path}/status`, status, { manager: 'prober' }), 200)
      assert.equal((objectOf(written) as Deployment).spec?.replicas, 0)
      assert.ok(namesOf(written).includes('prober Apply status'))
      assert.deepEqual(Object.keys(fieldsOf(written, 'prober') as object), ['f:status'])
      assertCode(
        await applyTo(http, `${deployments}/nowhere/status`, { ...status, metadata: { name: 'nowhere' } }),
        404,
      )
    })

    it('of replicas is one, whether they are scaled or applied', async () => {
      const http = adminHttp(cluster())
      const path = `${deployments}/scaled`
      assertCode(
        await applyTo(http, path, deployment('scaled', { replicas: 0, paused: true }), { manager: 'one' }),
        201,
      )
      const scale = (replicas: number) => ({
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'scaled', namespace: 'default' },
        spec: { replicas },
      })
      const refused = assertCode(await applyTo(http, `${path}/scale`, scale(1), { manager: 'scaler' }), 409)
      assert.equal(refused.status.message, 'Apply failed with 1 conflict: conflict with "one": .spec.replicas')
      assertCode(await applyTo(http, `${path}/scale`, scale(1), { manager: 'scaler', query: 'force=true' }), 200)
      const live = await http(path)
      assert.deepEqual(fieldsOf(live, 'scaler'), { 'f:spec': { 'f:replicas': {} } })
      assert.doesNotMatch(JSON.stringify(fieldsOf(live, 'one')), /f:replicas/)
      const back = assertCode(
        await applyTo(http, path, deployment('scaled', { replicas: 0, paused: true }), { manager: 'one' }),
        409,
      )
      assert.match(back.status.message ?? '', /conflict with "scaler" with subresource "scale"/)
    })
  })
}
