/** Several profiles in one scheduler, one of them with a plugin of our own, by `config.yaml`. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { pods as podsRef } from '../../../api/resources.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { eventWhen, isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'
import { getFromScheduler } from './secure-port.ts'

const namespace = 'profiles'

export const describeProfiles = (running: Running): void => {
  describe('profiles of a configuration file', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      for (const [name, rack] of [
        ['rack-1a', '1'],
        ['rack-1b', '1'],
        ['rack-2', '2'],
      ] as const) {
        await makeHollowNode(client, name, { labels: { 'example.com/rack': rack, pool: 'racks' } })
      }
    })
    const create = async (name: string, schedulerName: string, spec: object = {}): Promise<void> => {
      const pod = podOf(name, namespace, { schedulerName, nodeSelector: { pool: 'racks' }, ...spec })
      await client.create(podsRef, {
        ...pod,
        metadata: { ...pod.metadata, labels: schedulerName === 'by-rack' ? { group: 'db' } : {} },
      })
    }

    it('let an out-of-tree plugin decide for the Pods of its profile alone', async () => {
      await create('one', 'by-rack')
      const one = await podWhen(client, { name: 'one', namespace }, isBound)
      await create('two', 'by-rack')
      const two = await podWhen(client, { name: 'two', namespace }, isBound)
      assert.notEqual(one.spec?.nodeName?.slice(0, 6), two.spec?.nodeName?.slice(0, 6), 'racks differ')
      await create('three', 'by-rack')
      const three = await podWhen(client, { name: 'three', namespace }, isUnschedulable)
      assert.match(unschedulableMessage(three) ?? '', /3 node\(s\) were on a rack that has a pod of the group/)
      await create('free', 'default-scheduler')
      await podWhen(client, { name: 'free', namespace }, isBound)
    })

    it('wake a Pod by the events that the plugin registered for', async () => {
      await client.delete(podsRef, 'one', namespace)
      await podWhen(client, { name: 'three', namespace }, isBound)
    })

    it('tell under their own name', async () => {
      const event = await eventWhen(client, { name: 'three', namespace }, 'FailedScheduling')
      assert.equal(event.source?.component, 'by-rack')
    })

    it('leave Pods of other schedulers alone', async () => {
      await create('foreign', 'somebody-else')
      await create('later', 'default-scheduler')
      await podWhen(client, { name: 'later', namespace }, isBound)
      const foreign = await client.get(podsRef, 'foreign', namespace)
      assert.equal(foreign.spec?.nodeName ?? '', '')
    })

    it('are shown with all defaults at /configz', async () => {
      const { code, json } = await getFromScheduler(running(), '/configz')
      assert.equal(code, 200)
      const configuration = json['kubescheduler.config.k8s.io'] as Record<string, unknown>
      assert.equal(configuration['podMaxBackoffSeconds'], 2)
      const names = (configuration['profiles'] as { schedulerName: string }[]).map((profile) => profile.schedulerName)
      assert.deepEqual(names, ['default-scheduler', 'by-rack', 'packing'])
    })
  })
}
