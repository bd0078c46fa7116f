/** @kubernetes/client-node: watches and informers, also over a restart of the API server. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap, Watch } from '@kubernetes/client-node'
import { running as processOf } from '../../../deploy/process-table.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'

const namespace = 'javascript-watches'
const path = `/api/v1/namespaces/${namespace}/configmaps`

export const describeJavaScriptWatches = (running: Running): void => {
  describe('watches of the JavaScript client', () => {
    let config: KubeConfig
    let core: CoreV1Api
    const create = (name: string) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { w: 'y' } } } })
    const remove = (name: string) => core.deleteNamespacedConfigMap({ namespace, name })
    const touch = async (name: string, value: string): Promise<V1ConfigMap> => {
      const body = { metadata: { name, labels: { w: 'y' } }, data: { value } }
      return core.replaceNamespacedConfigMap({ namespace, name, body })
    }

    before(async () => {
      config = new KubeConfig()
      config.loadFromFile(running().layout.adminConf)
      core = config.makeApiClient(CoreV1Api)
      await core.createNamespace({ body: { metadata: { name: namespace } } })
    })

    it('see every change once, from the version that they ask for', async () => {
      const { metadata } = await core.listNamespacedConfigMap({ namespace })
      await create('a')
      await touch('a', '1')
      const seen: string[] = []
      const query = { resourceVersion: metadata?.resourceVersion, labelSelector: 'w=y', allowWatchBookmarks: true }
      let ended: unknown = 'no'
      const watching = await new Watch(config).watch(
        path,
        query,
        (type, object: V1ConfigMap) => {
          if (type !== 'BOOKMARK') seen.push(`${type} ${object.metadata?.name} ${object.data?.['value'] ?? ''}`)
        },
        (error) => {
          ended = error
        },
      )
      try {
        await touch('a', '2')
        await create('b')
        await remove('a')
        await waitFor(() => seen.length >= 5, { what: 'five events' })
      } finally {
        watching.abort()
      }
      assert.deepEqual(seen, ['ADDED a ', 'MODIFIED a 1', 'MODIFIED a 2', 'ADDED b ', 'DELETED a 2'])
      await waitFor(() => ended !== 'no', { what: 'the watch to end' })
      await remove('b')
    })

    it('end when their time is over', async () => {
      const ended = new Promise<unknown>((resolve) => {
        void new Watch(config).watch(path, { timeoutSeconds: 1 }, () => {}, resolve)
      })
      assert.equal(await ended, null)
    })

    it('in an informer lose nothing when the API server is killed', { timeout: 90_000 }, async () => {
      const seen = new Map<string, string[]>()
      const note = (what: string) => (object: V1ConfigMap) => {
        const name = object.metadata?.name ?? ''
        seen.set(name, [...(seen.get(name) ?? []), `${what} ${object.data?.['value'] ?? ''}`.trim()])
      }
      const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'w=y' })
      const informer = makeInformer(config, path, list, 'w=y')
      informer.on('add', note('add'))
      informer.on('update', note('update'))
      informer.on('delete', note('delete'))
      // What the client's documentation tells users to do.
      let restarts = 0
      let stopped = false
      informer.on('error', () => {
        if (stopped) return
        restarts++
        setTimeout(() => void informer.start(), 100)
      })
      const again = <T>(work: () => Promise<T>): Promise<T> => {
        const attempt = async () => ({ value: await work() })
        return waitFor(attempt, { what: 'the API server to answer', timeoutMs: 40_000 }).then(({ value }) => value)
      }
      try {
        await informer.start()
        await create('kept')
        await create('gone')
        await waitFor(() => seen.size === 2, { what: 'two objects' })
        const { run } = running().layout
        const victim = processOf(run, 'kube-apiserver')
        assert.ok(victim)
        process.kill(victim.pid, 'SIGKILL')
        await waitFor(() => restarts > 0, { what: 'the informer to notice' })
        await again(() => touch('kept', '1'))
        await again(async () => remove('gone').catch(() => remove('gone')))
        await again(() => create('new'))
        await touch('kept', '2')
        await waitFor(() => seen.get('kept')?.at(-1) === 'update 2' && seen.has('new'), {
          what: 'the informer to be up to date',
        })
        await waitFor(() => seen.get('gone')?.at(-1) === 'delete', { what: 'the deletion' })
        const { items } = await core.listNamespacedConfigMap({ namespace, labelSelector: 'w=y' })
        const cached = informer.list(namespace)
        const versions = (objects: readonly V1ConfigMap[]) =>
          objects.map(({ metadata }) => `${metadata?.name} ${metadata?.resourceVersion}`).sort()
        assert.deepEqual(versions(cached), versions(items))
        // The same API server's versions go on: each change is seen, and none of them twice.
        assert.deepEqual(seen.get('kept'), ['add', 'update 1', 'update 2'])
        assert.deepEqual(seen.get('gone'), ['add', 'delete'])
        assert.deepEqual(seen.get('new'), ['add'])
      } finally {
        stopped = true
        await informer.stop()
      }
    })

    it('are told when the version is older than what the API server remembers', async () => {
      const { promise, resolve } = Promise.withResolvers<{ statusCode?: number; code?: number }>()
      const watching = await new Watch(config).watch(
        path,
        { resourceVersion: '1' },
        (type, object: { code?: number }) => {
          if (type === 'ERROR') resolve(object)
        },
        (error: { statusCode?: number } | null) => resolve(error ?? {}),
      )
      try {
        const { code, statusCode } = await promise
        assert.equal(code ?? statusCode, 410)
      } finally {
        watching.abort()
      }
    })
  })
}
