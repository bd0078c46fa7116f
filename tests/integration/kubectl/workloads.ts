/** Rollouts of all workloads, subresources that are changed, deletions in all ways. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import type { Deployment } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { inNewNamespace, type Surface } from './surface.ts'

const template = (app: string, image: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image }], nodeSelector: { no: 'where' } },
})

const workload = (kind: string, name: string, image: string): string =>
  dump({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 0 }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: template(name, image),
    },
  })

export const describeWorkloads = (surface: Surface): void => {
  describe('workloads', () => {
    let kubectl: Kubectl
    before(async () => {
      kubectl = await inNewNamespace(surface, `work-${surface.suffix}`)
    })

    for (const [kind, what] of [
      ['StatefulSet', 'statefulset'],
      ['DaemonSet', 'daemonset'],
    ] as const) {
      it(`roll out and back: ${kind}`, async () => {
        await kubectl.withInput(workload(kind, what, 'none:1'), 'apply', '-f', '-')
        const history = (): Promise<string> => kubectl('rollout', 'history', `${what}/${what}`)
        await waitFor(async () => /^1 /m.test(await history()), { what: 'the first revision' })
        await kubectl('set', 'image', `${what}/${what}`, 'main=none:2')
        await waitFor(async () => /^2 /m.test(await history()), { what: 'the second revision' })
        assert.match(await kubectl('rollout', 'history', `${what}/${what}`, '--revision=2'), /Image:\s+none:2/)
        assert.match(await kubectl('rollout', 'undo', `${what}/${what}`), /rolled back/)
        const image = ['get', what, what, '-o', 'jsonpath={.spec.template.spec.containers[0].image}']
        assert.equal(await kubectl(...image), 'none:1')
        assert.match(await kubectl('rollout', 'restart', `${what}/${what}`), /restarted/)
        const status = await kubectl('rollout', 'status', `${what}/${what}`, '--timeout=20s')
        assert.match(status, /successfully rolled out|rolling update complete|roll out complete/)
        await kubectl('delete', what, what)
      })
    }

    it('are changed by their subresources', async () => {
      await kubectl.withInput(workload('Deployment', 'web', 'none:1'), 'apply', '-f', '-')
      const web = (): Promise<Deployment> => kubectl.json<Deployment>('get', 'deployment', 'web')
      await kubectl(
        'patch',
        'deployment',
        'web',
        '--subresource=status',
        '--type=merge',
        '-p={"status":{"collisionCount":3}}',
      )
      assert.equal((await web()).status?.collisionCount, 3)
      const env = { KUBE_EDITOR: 'sed -i "s/collisionCount: 3/collisionCount: 4/"' }
      const edited = await kubectl.run(['edit', 'deployment', 'web', '--subresource=status'], { env })
      assert.equal(edited.code, 0, edited.stderr)
      assert.equal((await web()).status?.collisionCount, 4)
      const object = await web()
      const replaced = {
        ...object,
        spec: { ...object.spec, replicas: 5 },
        status: { ...object.status, collisionCount: 5 },
      }
      await kubectl.withInput(JSON.stringify(replaced), 'replace', '--subresource=status', '-f', '-')
      const { spec, status } = await web()
      assert.deepEqual([spec?.replicas, status?.collisionCount], [0, 5])
      await kubectl('patch', 'deployment', 'web', '--subresource=scale', '--type=merge', '-p={"spec":{"replicas":1}}')
      assert.equal((await web()).spec?.replicas, 1)
      const wrong = await kubectl.run(['scale', 'deployment', 'web', '--replicas=2', '--current-replicas=7'])
      assert.match(wrong.stderr, /Expected replicas to be 7, was 1/)
      await kubectl('scale', '--replicas=0', 'deployments', '--all')
    })

    it('are deleted with, without and after what they own', async () => {
      const owned = (): Promise<string> => kubectl('get', 'replicasets', '-l', 'app=web', '-o', 'name')
      const some = await waitFor(async () => (await owned()) !== '' && (await owned()), { what: 'a ReplicaSet' })
      assert.equal(await kubectl('delete', 'deployment', 'web', '--cascade=orphan'), 'deployment.apps "web" deleted\n')
      assert.equal(await owned(), some)
      await kubectl.withInput(workload('Deployment', 'web', 'none:1'), 'apply', '-f', '-')
      await kubectl('rollout', 'status', 'deployment/web', '--timeout=20s')
      await kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=20s')
      assert.equal(await owned(), '')
      await kubectl('run', 'pod', '--image=none:1', '--overrides={"spec":{"nodeSelector":{"no":"where"}}}')
      await kubectl('create', 'job', 'job', '--image=none:1')
      await kubectl('create', 'service', 'clusterip', 'svc', '--tcp=80')
      const all = await kubectl('delete', 'all', '--all', '--now')
      for (const name of ['pod "pod"', 'job.batch "job"', 'service "svc"'])
        assert.ok(all.includes(`${name} deleted`), all)
      await kubectl('create', 'configmap', 'a')
      await kubectl('create', 'configmap', 'b')
      assert.match(await kubectl('delete', 'configmaps', '--field-selector=metadata.name=a'), /^configmap "a" deleted/)
      assert.equal(
        await kubectl('delete', 'configmap/a', 'configmap/b', '--ignore-not-found', '-o', 'name'),
        'configmap/b\n',
      )
      assert.equal(
        await kubectl('delete', '--raw', `/api/v1/namespaces/work-${surface.suffix}/pods`).then(typeOf),
        'PodList',
      )
    })

    it('of a namespace go with it', async () => {
      const namespace = `gone-${surface.suffix}`
      await kubectl('create', 'namespace', namespace)
      await kubectl('-n', namespace, 'create', 'configmap', 'inside')
      await kubectl('delete', 'namespace', namespace, '--timeout=30s')
      assert.match((await kubectl.run(['get', 'namespace', namespace])).stderr, /\(NotFound\)/)
    })
  })
}

const typeOf = (text: string): string => (JSON.parse(text) as { kind: string }).kind
