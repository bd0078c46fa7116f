/** Creation, updates, patches, dry runs and subresources. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isReason } from '../../../api/meta/status-error.ts'
import { configMaps, deployments, pods, services } from '../../../api/resources.ts'
import type { Deployment, Pod, Scale, Service } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { createConfigMap, makeNamespace, refusal } from './fixtures.ts'

const aDeployment = (namespace: string, name: string, replicas: number): Deployment => ({
  metadata: { namespace, name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'none:1' }] } },
  },
})

export const describeWrites = (running: Running): void => {
  describe('writes', () => {
    const namespace = 'writes'
    let client: RestClient
    let http: Http
    const path = `/api/v1/namespaces/${namespace}/configmaps`

    before(async () => {
      const cluster = running()
      client = cluster.client
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      await makeNamespace(client, namespace)
    })

    it('gives generated names five letters, and every object of one prefix another name', async () => {
      const metadata = { namespace, generateName: 'made-' }
      const made = await Promise.all(Array.from({ length: 30 }, () => client.create(configMaps, { metadata })))
      const names = new Set(made.map((object) => object.metadata?.name))
      assert.equal(names.size, 30)
      for (const name of names) assert.match(name ?? '', /^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
      assert.equal(made[0]?.metadata?.generateName, 'made-')
    })

    it('keeps its own fields to itself on creation and on update', async () => {
      const forged = {
        uid: 'mine',
        creationTimestamp: '2001-01-01T00:00:00Z',
        deletionTimestamp: '2001-01-01T00:00:00Z',
        generation: 7,
        selfLink: '/mine',
      }
      const created = await createConfigMap(client, namespace, 'forged', forged)
      assert.notEqual(created.metadata.uid, 'mine')
      assert.notEqual(created.metadata.creationTimestamp, forged.creationTimestamp)
      assert.equal(created.metadata.deletionTimestamp, undefined)
      assert.equal(created.metadata.generation, undefined)
      const metadata = { ...created.metadata, creationTimestamp: forged.creationTimestamp }
      const updated = await client.update(configMaps, { ...created, metadata, data: { a: '2' } })
      assert.equal(updated.metadata?.creationTimestamp, created.metadata.creationTimestamp)
      await assert.rejects(
        client.update(configMaps, { ...updated, metadata: { ...updated.metadata, uid: 'mine' } }),
        refusal('Conflict', /Precondition failed: UID in precondition: mine, UID in object meta: /),
      )
    })

    it('refuses a resourceVersion on creation', async () => {
      await assert.rejects(
        client.create(configMaps, { metadata: { namespace, name: 'versioned', resourceVersion: '1' } }),
        // Upstream gives this one no reason.
        { reason: '', code: 500, message: 'resourceVersion should not be set on objects to be created' },
      )
    })

    it('loses none of the increments of 20 writers that retry on conflict', async () => {
      await createConfigMap(client, namespace, 'counter')
      let conflicts = 0
      const increment = async (): Promise<void> => {
        for (;;) {
          const current = await client.get(configMaps, 'counter', namespace)
          const count = Number(current.data?.['count'] ?? 0) + 1
          try {
            await client.update(configMaps, { ...current, data: { count: String(count) } })
            return
          } catch (error) {
            if (!isReason(error, 'Conflict')) throw error
            conflicts++
          }
        }
      }
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          for (let round = 0; round < 2; round++) await increment()
        }),
      )
      const { data } = await client.get(configMaps, 'counter', namespace)
      assert.equal(data?.['count'], '40')
      assert.ok(conflicts > 0, 'nobody ever met anybody')
    })

    it('applies the merge patches of 20 writers without a conflict', async () => {
      await createConfigMap(client, namespace, 'patched')
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          client.patch(configMaps, 'patched', namespace, { data: { [`k${index}`]: 'v' } }, { type: 'merge' }),
        ),
      )
      const { data } = await client.get(configMaps, 'patched', namespace)
      assert.equal(Object.keys(data ?? {}).length, 21)
    })

    it('takes a patch with a resourceVersion only if it is still current', async () => {
      const { metadata } = await createConfigMap(client, namespace, 'guarded')
      const patch = (resourceVersion: string) =>
        client.patch(
          configMaps,
          'guarded',
          namespace,
          { metadata: { resourceVersion }, data: { b: '1' } },
          { type: 'merge' },
        )
      await patch(metadata.resourceVersion)
      await assert.rejects(patch(metadata.resourceVersion), refusal('Conflict', /the object has been modified/))
    })

    it('changes nothing in a dry run, and tells what it would have done', async () => {
      const created = await createConfigMap(client, namespace, 'dry')
      const dryRun = true
      const twin = await client.create(configMaps, { metadata: { namespace, name: 'dry-new' } }, { dryRun })
      assert.match(twin.metadata?.uid ?? '', /^[0-9a-f-]{36}$/)
      assert.equal(twin.metadata?.resourceVersion, undefined)
      const updated = await client.update(configMaps, { ...created, data: { a: '2' } }, { dryRun })
      assert.deepEqual(updated.data, { a: '2' })
      const patched = await client.patch(
        configMaps,
        'dry',
        namespace,
        { data: { b: '2' } },
        { type: 'strategic', dryRun },
      )
      assert.deepEqual(patched.data, { a: '1', b: '2' })
      assert.equal((await http(`${path}/dry?dryRun=All`, { method: 'DELETE' })).code, 200)
      assert.equal((await http(`${path}?dryRun=All`, { method: 'DELETE' })).code, 200)
      assert.deepEqual(await client.get(configMaps, 'dry', namespace), created)
      await assert.rejects(client.get(configMaps, 'dry-new', namespace), refusal('NotFound'))
      const bad = await http(`${path}/dry?dryRun=Some`, { method: 'DELETE' })
      assert.equal(bad.code, 422)
      await assert.rejects(
        client.create(configMaps, { metadata: { namespace, name: 'dry' } }, { dryRun }),
        refusal('AlreadyExists'),
      )
    })

    it('takes no cluster IP and no port for a Service that is a dry run', async () => {
      const service = (name: string): Service => ({
        metadata: { namespace, name },
        spec: { type: 'NodePort', clusterIP: '10.97.77.77', ports: [{ port: 80, nodePort: 31777 }] },
      })
      const dry = await client.create(services, service('dry'), { dryRun: true })
      assert.equal(dry.spec?.clusterIP, '10.97.77.77')
      await client.create(services, service('real'))
      await assert.rejects(
        client.create(services, service('second')),
        refusal('Invalid', /spec.clusterIPs: Invalid value: .*: failed to allocate IP 10\.97\.77\.77/),
      )
      const otherAddress = service('third')
      await assert.rejects(
        client.create(services, { ...otherAddress, spec: { ...otherAddress.spec, clusterIP: '' } }),
        refusal('Invalid', /spec.ports\[0\].nodePort: Invalid value: 31777: provided port is already allocated/),
      )
    })

    it('keeps status and the rest apart, and counts generations of the rest alone', async () => {
      const pod: Pod = {
        metadata: { namespace, name: 'two-parts' },
        spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'none:1' }] },
        status: { phase: 'Succeeded' },
      }
      const created = await client.create(pods, pod)
      assert.equal(created.status?.phase, 'Pending')
      const relabelled = { ...created, metadata: { ...created.metadata, labels: { a: 'b' } } }
      const viaMain = await client.update(pods, { ...relabelled, status: { phase: 'Failed' } })
      assert.equal(viaMain.status?.phase, 'Pending')
      const viaStatus = await client.update(
        pods,
        {
          ...viaMain,
          spec: { containers: [{ name: 'other', image: 'other' }] },
          status: { phase: 'Running', message: 'm' },
        },
        { subresource: 'status' },
      )
      assert.equal(viaStatus.status?.message, 'm')
      assert.equal(viaStatus.spec?.containers[0]?.name, 'main')
      const read = await client.get(pods, 'two-parts', namespace, { subresource: 'status' })
      assert.equal(read.status?.phase, 'Running')

      const deployment = await client.create(deployments, { ...aDeployment(namespace, 'counted', 0) })
      assert.equal(deployment.metadata?.generation, 1)
      const change = (patch: object) => client.patch(deployments, 'counted', namespace, patch, { type: 'merge' })
      assert.equal((await change({ metadata: { labels: { a: 'b' } } })).metadata?.generation, 1)
      assert.equal((await change({ spec: { paused: true } })).metadata?.generation, 2)
    })

    it('scales through the scale subresource, guarded by its resourceVersion', async () => {
      await client.create(deployments, aDeployment(namespace, 'scaled', 0))
      const scalePath = `/apis/apps/v1/namespaces/${namespace}/deployments/scaled/scale`
      const scale = await waitFor(async () => (await client.raw('GET', scalePath)) as Scale, { what: 'the scale' })
      assert.equal(scale.kind, 'Scale')
      assert.equal(scale.apiVersion, 'autoscaling/v1')
      assert.equal(scale.spec?.replicas ?? 0, 0)
      assert.equal(scale.status?.selector, 'app=scaled')
      const { resourceVersion: _, ...metadata } = scale.metadata ?? {}
      const scaled = (await client.raw('PUT', scalePath, { ...scale, metadata, spec: { replicas: 2 } })) as Scale
      assert.equal(scaled.spec?.replicas, 2)
      assert.equal((await client.get(deployments, 'scaled', namespace)).spec?.replicas, 2)
      await assert.rejects(
        client.raw('PUT', scalePath, { ...scale, spec: { replicas: 1 } }),
        refusal('Conflict', /the object has been modified/),
      )
      await assert.rejects(
        client.raw('PUT', scalePath, { ...scale, metadata, spec: { replicas: -1 } }),
        refusal('Invalid'),
      )
    })

    it('writes nothing and tells nobody where an update changes nothing', async () => {
      const created = await createConfigMap(client, namespace, 'unchanged')
      const { resourceVersion } = created.metadata
      const abort = new AbortController()
      const events: string[] = []
      const fieldSelector = 'metadata.name=unchanged'
      const watching = (async () => {
        for await (const event of client.watch(
          configMaps,
          { namespace, fieldSelector, resourceVersion },
          abort.signal,
        )) {
          events.push(`${event.type} ${event.object.data?.['a']}`)
        }
      })().catch(() => undefined)
      assert.equal((await client.update(configMaps, created)).metadata?.resourceVersion, resourceVersion)
      for (const [type, body] of [
        ['merge', { data: { a: '1' } }],
        ['strategic', {}],
        ['json', [{ op: 'replace', path: '/data/a', value: '1' }]],
      ] as const) {
        const patched = await client.patch(configMaps, 'unchanged', namespace, body, { type })
        assert.equal(patched.metadata?.resourceVersion, resourceVersion, type)
      }
      await client.update(configMaps, { ...created, data: { a: '2' } })
      await waitFor(() => events.length > 0, { what: 'the event of the one change' })
      abort.abort()
      await watching
      assert.deepEqual(events, ['MODIFIED 2'])
    })

    it('refuses to change what is immutable', async () => {
      const created = await client.create(configMaps, {
        metadata: { namespace, name: 'immutable' },
        immutable: true,
        data: { a: '1' },
      })
      await assert.rejects(
        client.update(configMaps, { ...created, data: { a: '2' } }),
        refusal('Invalid', /data: Forbidden: field is immutable when `immutable` is set/),
      )
      await assert.rejects(
        client.patch(
          deployments,
          'counted',
          namespace,
          { spec: { selector: { matchLabels: { app: 'other' } } } },
          { type: 'merge' },
        ),
        refusal('Invalid', /spec.selector: Invalid value: .*: field is immutable/),
      )
    })
  })
}
