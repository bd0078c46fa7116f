/** APIServices of what the API server has itself: kept for built-in groups and for definitions, left to others else. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { APIService } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { cronTabs, define } from '../custom-resources/fixtures.ts'
import { availabilityOf, type World } from './world.ts'

const managedLabel = 'kube-aggregator.kubernetes.io/automanaged'

export const describeApiServices = (running: () => World): void => {
  describe('an APIService', () => {
    let kubectl: Kubectl
    const get = (name: string) => kubectl.json<APIService>('get', 'apiservice', name)

    before(() => {
      ;({ kubectl } = running().cluster)
    })

    it('is there for every built-in version, with upstream’s priorities', async () => {
      const { items } = await kubectl.json<{ items: APIService[] }>(
        'get',
        'apiservices',
        '-l',
        `${managedLabel}=onstart`,
      )
      const priorities = Object.fromEntries(
        items.map(({ metadata, spec }) => [metadata?.name, [spec?.groupPriorityMinimum, spec?.versionPriority]]),
      )
      assert.deepEqual(priorities['v1.'], [18_000, 1])
      assert.deepEqual(priorities['v1.apps'], [17_800, 15])
      assert.deepEqual(priorities['v2.autoscaling'], [17_500, 30])
      assert.deepEqual(priorities['v1.autoscaling'], [17_500, 15])
      assert.deepEqual(priorities['v1.flowcontrol.apiserver.k8s.io'], [16_100, 21])
      assert.ok(!('v1.apiregistration.k8s.io' in priorities))
      for (const { status } of items) {
        const [{ reason, status: value } = {}] = status?.conditions ?? []
        assert.deepEqual([value, reason], ['True', 'Local'])
      }
      assert.match(
        await kubectl('get', 'apiservice', 'v1.apps'),
        /NAME +SERVICE +AVAILABLE +AGE\nv1\.apps +Local +True /,
      )
    })

    it('comes and goes with a definition, and is put right while that is there', async () => {
      const group = 'registered.example.com'
      await define(kubectl, cronTabs(group))
      const name = `v1.${group}`
      const made = await waitFor(() => get(name), { what: 'the APIService of the definition' })
      assert.deepEqual(made.spec, { group, version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 })
      assert.equal(made.metadata?.labels?.[managedLabel], 'true')
      await kubectl('delete', 'apiservice', name)
      const again = await waitFor(() => get(name), { what: 'the APIService to be made again' })
      assert.notEqual(again.metadata?.uid, made.metadata?.uid)
      await kubectl('patch', 'apiservice', name, '--type=merge', '-p', '{"spec":{"versionPriority":7}}')
      await waitFor(async () => (await get(name)).spec?.versionPriority === 100, {
        what: 'the priority to be put right',
      })
      await kubectl('delete', 'crd', `crontabs.${group}`)
      await waitFor(async () => (await kubectl.run(['get', 'apiservice', name])).code !== 0, { what: 'it to go' })
    })

    it('that somebody else has made is left alone', async () => {
      const group = 'foreign.example.com'
      const name = `v9.${group}`
      const spec = { group, version: 'v9', groupPriorityMinimum: 12, versionPriority: 34 }
      const object = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name }, spec }
      await kubectl.withInput(JSON.stringify(object), 'create', '-f', '-')
      assert.equal((await availabilityOf(running().cluster, name))?.reason, 'Local')
      // Something else is registered meanwhile: the controller has been here.
      await define(kubectl, cronTabs('other.foreign.example.com'))
      await waitFor(() => get('v1.other.foreign.example.com'), { what: 'another APIService' })
      assert.deepEqual((await get(name)).spec, spec)
      await kubectl('delete', 'apiservice', name)
      await kubectl('delete', 'crd', 'crontabs.other.foreign.example.com')
    })
  })
}
