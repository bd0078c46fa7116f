/** The whole of an operator's life: webhooks, children, status, scale, versions, finalizers, leaders, lost servers. */
import assert from 'node:assert/strict'
import type { Server } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { AppsV1Api } from '@kubernetes/client-node'
import { waitFor } from '../../harness/wait.ts'
import { configOf, type Running } from './environment.ts'
import { finalizer, type Operator, startOperator } from './operator.ts'
import { startWebhooks } from './webhook-server.ts'
import { group, type Website, website } from './website.ts'

const namespace = 'default'

export const describeWebsites = (running: () => Running): void => {
  describe('an operator', () => {
    let webhooks: Server
    let operators: Operator[] = []
    const manifest = (name: string, spec: object, version = 'v1') =>
      JSON.stringify({ apiVersion: `${group}/${version}`, kind: 'Website', metadata: { name }, spec })
    const apply = (name: string, spec: object, version?: string) =>
      running().kubectl.run(['apply', '-f', '-'], { input: manifest(name, spec, version) })
    const read = async (name: string, version = 'v1') =>
      (await running().custom.getNamespacedCustomObject({ ...website, version, namespace, name })) as Website
    const deployment = (name: string) =>
      running().config.makeApiClient(AppsV1Api).readNamespacedDeployment({ namespace, name })
    const deployed = (name: string, replicas: number) =>
      waitFor(
        async () => {
          const { status, metadata } = await read(name)
          const current = status?.observedGeneration === metadata.generation
          return current && status?.phase === 'Deployed' && status.replicas === replicas
        },
        { what: `${name} to be deployed with ${replicas} replicas` },
      )

    before(async () => {
      const { environment, kubectl } = running()
      webhooks = await startWebhooks(environment.webhooks())
      await kubectl('create', 'serviceaccount', 'operator')
      await kubectl(
        'create',
        'clusterrolebinding',
        'operator',
        '--clusterrole=cluster-admin',
        '--serviceaccount=default:operator',
      )
      const user = await environment.addUser({ name: 'system:serviceaccount:default:operator' })
      operators = ['one', 'two'].map((identity) => startOperator(configOf(user), identity))
      await waitFor(() => operators.some((operator) => operator.leads()), { what: 'a leader' })
    })
    after(async () => {
      await Promise.all(operators.map((operator) => operator.stop()))
      webhooks.closeAllConnections()
      webhooks.close()
    })

    it('makes what a new object asks for, owned by it, and tells so in the status', async () => {
      assert.equal((await apply('shop', { image: 'none:1', replicas: 2, address: 'shop.example.com:80' })).code, 0)
      await deployed('shop', 2)
      const site = await read('shop')
      assert.deepEqual(site.metadata.labels, { 'demo.example.com/site': 'shop' }, 'by the mutating webhook')
      assert.deepEqual(site.metadata.finalizers, [finalizer])
      const { metadata, spec } = await deployment('shop')
      assert.equal(metadata?.ownerReferences?.[0]?.uid, site.metadata.uid)
      assert.equal(spec?.replicas, 2)
      assert.equal(operators.filter((operator) => operator.leads()).length, 1)
    })

    it('serves both versions, and writes by either', async () => {
      assert.deepEqual((await read('shop', 'v2')).spec, {
        image: 'none:1',
        replicas: 2,
        host: 'shop.example.com',
        port: 80,
      })
      const v2 = { image: 'none:2', replicas: 1, host: 'blog.example.com', port: 8080 }
      assert.equal((await apply('blog', v2, 'v2')).code, 0)
      await deployed('blog', 1)
      assert.equal((await read('blog')).spec.address, 'blog.example.com:8080')
    })

    it('refuses what its webhook and its rules refuse, and passes its warnings on', async () => {
      const many = await apply('shop', { image: 'none:1', replicas: 6, address: 'shop.example.com:80' })
      assert.match(
        many.stderr,
        /admission webhook "validate\.demo\.example\.com" denied the request: at most 5 replicas/,
      )
      const moved = await apply('shop', { image: 'none:1', replicas: 2, address: 'elsewhere:80' })
      assert.match(moved.stderr, /spec: Invalid value: .*: an address does not change/)
      const latest = await apply('shop', { image: 'none:latest', replicas: 2, address: 'shop.example.com:80' })
      assert.deepEqual([latest.code, /^Warning: latest is no version$/m.test(latest.stderr)], [0, true], latest.stderr)
    })

    it('is scaled like a Deployment', async () => {
      const { kubectl } = running()
      await kubectl('scale', 'website', 'shop', '--replicas=3')
      await deployed('shop', 3)
      const scale = JSON.parse(
        await kubectl('get', '--raw', `/apis/${group}/v1/namespaces/default/websites/shop/scale`),
      ) as {
        status: object
      }
      assert.deepEqual(scale.status, { replicas: 3, selector: 'app=shop' })
    })

    it('is scaled by an autoscaler like a Deployment', async () => {
      const { kubectl } = running()
      const autoscaler = {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'shop' },
        spec: {
          scaleTargetRef: { apiVersion: `${group}/v1`, kind: 'Website', name: 'shop' },
          minReplicas: 4,
          maxReplicas: 5,
        },
      }
      await kubectl.withInput(JSON.stringify(autoscaler), 'apply', '-f', '-')
      await deployed('shop', 4)
      await kubectl('delete', 'hpa', 'shop')
      await kubectl('scale', 'website', 'shop', '--replicas=3')
      await deployed('shop', 3)
    })

    it('takes back what others change of its children, and sees that they are others', async () => {
      const { kubectl } = running()
      const theirs = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'shop' }, spec: { replicas: 1 } }
      const input = JSON.stringify(theirs)
      const conflict = await kubectl.run(['apply', '--server-side', '-f', '-'], { input })
      assert.match(conflict.stderr, /conflict with "website-operator".*\.spec\.replicas/s)
      await kubectl.withInput(input, 'apply', '--server-side', '--force-conflicts', '-f', '-')
      await waitFor(async () => (await deployment('shop')).spec?.replicas === 3, {
        what: 'the operator to take it back',
      })
    })

    it('goes on when the API server is killed and comes back', async () => {
      const { environment } = running()
      await environment.restart('kube-apiserver', 'SIGKILL')
      await waitFor(
        async () => (await apply('shop', { image: 'none:3', replicas: 4, address: 'shop.example.com:80' })).code === 0,
        {
          what: 'the new server to take a change',
        },
      )
      await deployed('shop', 4)
      assert.equal((await deployment('shop')).spec?.template.spec?.containers[0]?.image, 'none:3')
    })

    it('has another leader soon after the first has crashed', async () => {
      const leader = await waitFor(() => operators.find((operator) => operator.leads()), { what: 'a leader' })
      await leader.stop(false)
      operators = operators.filter((operator) => operator !== leader)
      await waitFor(() => operators.some((operator) => operator.leads()), { what: 'the other one to lead' })
      assert.equal((await apply('blog', { image: 'none:2', replicas: 2, address: 'blog.example.com:8080' })).code, 0)
      await deployed('blog', 2)
    })

    it('cleans up before an object goes, and its children follow', async () => {
      const { kubectl } = running()
      await kubectl('delete', 'website', 'shop', '--timeout=20s')
      assert.ok(operators.some(({ cleaned }) => cleaned.includes('shop')))
      await waitFor(
        async () => (await kubectl('get', 'deployments,configmaps', '-l', 'app=shop', '-o', 'name')) === '',
        {
          what: 'the children to be collected',
        },
      )
      await deployed('blog', 2)
    })
  })
}
