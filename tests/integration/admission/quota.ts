/** ResourceQuotas of a real control plane: exact under load, and given back. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { configMaps, namespaces, pods, resourceQuotas } from '../../../api/resources.ts'
import { isReason } from '../../../api/meta/status-error.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { startApiServer } from '../../harness/api-server-process.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { waitFor } from '../../harness/wait.ts'

export const describeQuota = (running: () => TestCluster): void => {
  describe('a quota', () => {
    const namespace = 'quota'
    let client: RestClient

    const usedOf = async (name: string): Promise<Record<string, string>> =>
      (await client.get(resourceQuotas, name, namespace)).status?.used ?? {}
    const makeQuota = async (name: string, hard: Record<string, string>, spec: object = {}): Promise<void> => {
      await client.create(resourceQuotas, { metadata: { name, namespace }, spec: { hard, ...spec } })
      await waitFor(async () => Object.keys(await usedOf(name)).length === Object.keys(hard).length, {
        what: `quota ${name} to be counted`,
      })
    }
    const createMap = (name: string) => client.create(configMaps, { metadata: { name, namespace } })

    before(async () => {
      ;({ client } = running())
      await client.create(namespaces, { metadata: { name: namespace } })
      // kube-root-ca.crt comes by itself, and would be counted at any time.
      await waitFor(async () => (await client.list(configMaps, { namespace })).items.length > 0, {
        what: 'the first map',
      })
    })

    it('is never exceeded by fifty creations at once, and what is deleted is given back', async () => {
      const before = (await client.list(configMaps, { namespace })).items.length
      await makeQuota('maps', { 'count/configmaps': String(before + 20) })
      const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => createMap(`m-${index}`)))
      const refused = results.filter((result) => result.status === 'rejected')
      for (const { reason } of refused) {
        assert.ok(isReason(reason, 'Forbidden'), String(reason))
        assert.match(
          reason.message,
          /exceeded quota: maps, requested: count\/configmaps=1, used: count\/configmaps=\d+, limited: count\/configmaps=\d+/,
        )
      }
      assert.equal(refused.length, 30)
      const present = (await client.list(configMaps, { namespace })).items
      assert.equal(present.length, before + 20)
      assert.deepEqual(await usedOf('maps'), { 'count/configmaps': String(before + 20) })
      await Promise.all(
        present
          .filter(({ metadata }) => metadata?.name?.startsWith('m-'))
          .map(({ metadata }) => client.delete(configMaps, metadata?.name ?? '', namespace)),
      )
      await waitFor(async () => (await usedOf('maps'))['count/configmaps'] === String(before), {
        what: 'the quota to be free',
      })
      await createMap('again')
      await client.delete(configMaps, 'again', namespace)
      await client.delete(resourceQuotas, 'maps', namespace)
    })

    it('is not exceeded where two API servers book on it, and tells no lie', async () => {
      await using second = await startApiServer(running())
      const before = (await client.list(configMaps, { namespace })).items.length
      await makeQuota('shared', { 'count/configmaps': String(before + 20) })
      // A read of what is now brings the second one's cache up to it.
      await second.client.get(resourceQuotas, 'shared', namespace)
      const results = await Promise.allSettled(
        Array.from({ length: 80 }, (_, index) =>
          (index % 2 === 0 ? client : second.client).create(configMaps, {
            metadata: { name: `t-${index}`, namespace },
          }),
        ),
      )
      for (const result of results) {
        // Who loses to the other server again and again is told so.
        if (result.status === 'rejected')
          assert.ok(isReason(result.reason, 'Forbidden', 'Conflict'), String(result.reason))
      }
      const made = (await client.list(configMaps, { namespace })).items.length - before
      assert.ok(made > 0 && made <= 20, `${made} of 20`)
      assert.equal(made, results.filter(({ status }) => status === 'fulfilled').length)
      assert.deepEqual(await usedOf('shared'), { 'count/configmaps': String(before + made) })
      await client.delete(resourceQuotas, 'shared', namespace)
      for (const [index, { status }] of results.entries())
        if (status === 'fulfilled') await client.delete(configMaps, `t-${index}`, namespace)
    })

    it('of compute resources is met by Pods that state them, and not by others', async () => {
      await makeQuota('compute', { 'requests.cpu': '1', 'limits.cpu': '2' })
      const pod = (name: string, resources: object) =>
        client.create(pods, {
          metadata: { name, namespace },
          spec: { containers: [{ name: 'c', image: 'i', resources }] },
        })
      await assert.rejects(
        pod('silent', {}),
        /failed quota: compute: must specify limits.cpu for: c; requests.cpu for: c/,
      )
      await pod('first', { requests: { cpu: '600m' }, limits: { cpu: '1' } })
      await assert.rejects(
        pod('second', { limits: { cpu: '500m' } }),
        /exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1/,
      )
      assert.deepEqual(await usedOf('compute'), { 'limits.cpu': '1', 'requests.cpu': '600m' })
      const resize = {
        spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1500m' }, limits: { cpu: '2' } } }] },
      }
      const { stderr } = await running().kubectl.run([
        '-n',
        namespace,
        'patch',
        'pod',
        'first',
        '--subresource=resize',
        '-p',
        JSON.stringify(resize),
      ])
      assert.match(
        stderr,
        /exceeded quota: compute, requested: requests.cpu=900m, used: requests.cpu=600m, limited: requests.cpu=1/,
      )
      await client.delete(pods, 'first', namespace, { gracePeriodSeconds: 0 })
      await waitFor(async () => (await usedOf('compute'))['requests.cpu'] === '0', { what: 'the cpu to be given back' })
      await client.delete(resourceQuotas, 'compute', namespace)
    })

    it('counts any kind, and only what is in its scope', async () => {
      const { kubectl } = running()
      await kubectl('-n', namespace, 'create', 'quota', 'kinds', '--hard=count/deployments.apps=1,count/jobs.batch=0')
      await waitFor(async () => (await usedOf('kinds'))['count/jobs.batch'] === '0', {
        what: 'the quota to be counted',
      })
      await kubectl('-n', namespace, 'create', 'deployment', 'one', '--image=i', '--replicas=0')
      const two = await kubectl.run(['-n', namespace, 'create', 'deployment', 'two', '--image=i', '--replicas=0'])
      assert.match(
        two.stderr,
        /exceeded quota: kinds, requested: count\/deployments.apps=1, used: count\/deployments.apps=1/,
      )
      const job = await kubectl.run(['-n', namespace, 'create', 'job', 'j', '--image=i'])
      assert.match(job.stderr, /jobs.batch "j" is forbidden: exceeded quota: kinds/)
      await makeQuota('best-effort', { pods: '0' }, { scopes: ['BestEffort'] })
      const pod = (name: string, resources: object) =>
        client.create(pods, {
          metadata: { name, namespace },
          spec: { containers: [{ name: 'c', image: 'i', resources }] },
        })
      await assert.rejects(
        pod('effort', {}),
        /exceeded quota: best-effort, requested: pods=1, used: pods=0, limited: pods=0/,
      )
      await pod('burst', { requests: { cpu: '1m' } })
    })
  })
}
