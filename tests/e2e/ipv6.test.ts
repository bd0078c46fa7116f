/** A cluster whose nodes, Pods and Services know IPv6 alone: what a user sees of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { nodes as nodesRef, pods as podsRef, services as servicesRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { ensureTestImages, webImage } from '../harness/images.ts'
import { boxIn, startBox } from '../harness/pods.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

describe('a cluster of IPv6 alone', () => {
  const running = useCluster({ nodes: 2, families: ['IPv6'] }, async ({ kubectl }) => {
    ensureTestImages()
    await kubectl('create', 'deployment', 'web', `--image=${webImage(1)}`, '--replicas=4')
    await kubectl('expose', 'deployment', 'web', '--port=80', '--type=NodePort')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=90s')
    await startBox(kubectl)
  })
  const isIPv6 = (address: string | undefined): boolean => address?.includes(':') === true
  const { run: inBox, fetch } = boxIn(running)
  const listPods = async (): Promise<Pod[]> =>
    (await running().client.list(podsRef, { namespace: 'default', labelSelector: 'app=web' })).items

  it('has no address of another kind', async () => {
    const { client } = running()
    for (const { spec, status } of (await client.list(nodesRef, {})).items) {
      assert.ok((spec?.podCIDRs ?? []).every(isIPv6))
      const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
      assert.ok(internal.length === 1 && internal.every(({ address }) => isIPv6(address)))
    }
    for (const { status } of await listPods())
      assert.deepEqual(
        (status?.podIPs ?? []).map(({ ip }) => isIPv6(ip)),
        [true],
      )
    const kubernetes = await client.get(servicesRef, 'kubernetes', 'default')
    assert.deepEqual(kubernetes.spec?.ipFamilies, ['IPv6'])
  })

  it('answers by name, by cluster IP and by node port, from every Pod', async () => {
    const { spec } = await running().client.get(servicesRef, 'web', 'default')
    for (const host of ['web', 'web.default.svc.cluster.local', spec?.clusterIP ?? '']) {
      const answers = new Set<string>()
      await waitFor(async () => answers.add(await fetch(host)).size >= 4, { what: `all Pods by ${host}` })
    }
    for (const { address } of running().nodes()) {
      const url = `http://[${address}]:${spec?.ports?.[0]?.nodePort}/`
      await waitFor(() => execFileSync('curl', ['-s', '-m', '3', url], { encoding: 'utf8' }).includes('v1'), {
        what: url,
      })
    }
  })

  it('lets Pods reach each other over nodes, and the API server', async () => {
    for (const { status, metadata } of await listPods()) {
      assert.match(await fetch(status?.podIP ?? ''), new RegExp(metadata?.name ?? ''))
    }
    const inPod = 'nc -w 3 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT < /dev/null && echo open'
    assert.match(await inBox('sh', '-c', inPod), /open/)
  })

  it('serves logs and exec', async () => {
    assert.equal((await running().kubectl('logs', 'box')).trim(), 'up')
    assert.equal((await inBox('echo', 'hello')).trim(), 'hello')
  })
})
