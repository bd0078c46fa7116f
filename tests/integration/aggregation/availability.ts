/** An aggregated server that is not there: its condition, the answers, discovery, and the rest of the cluster. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Namespace } from '../../../api/types.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { startApiServer } from '../../harness/api-server-process.ts'
import { waitFor } from '../../harness/wait.ts'
import { whenReason, type World } from './world.ts'

const name = 'v1alpha1.wardle.example.com'
const flunders = '/apis/wardle.example.com/v1alpha1/namespaces/default/flunders'

export const describeAvailability = (running: () => World): void => {
  describe('an aggregated server’s availability', () => {
    let kubectl: Kubectl
    let http: Http
    const whenCode = (code: number): Promise<string> =>
      waitFor(
        async () => {
          const answer = await http(flunders)
          return answer.code === code ? answer.text : undefined
        },
        { what: `an answer ${code}` },
      )
    const patchService = (patch: object): Promise<string> =>
      kubectl('patch', 'service', 'wardle', '--type=merge', '-p', JSON.stringify(patch))

    before(() => {
      const { cluster } = running()
      ;({ kubectl } = cluster)
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    })

    it('is lost and found with its process', async () => {
      const { cluster, extension } = running()
      await extension.kill()
      // Nobody has noticed yet: the connection fails.
      const upgrading = { headers: { connection: 'Upgrade', upgrade: 'echo' } }
      for (const call of [{}, upgrading]) {
        const refused = await http(flunders, call)
        assert.equal(refused.code, 503)
        assert.match(refused.text, /: dial tcp [\d.]+:\d+: connect: connection refused\n$/)
      }
      // Its endpoints are looked at again with any change of them.
      await kubectl('annotate', 'service', 'wardle', 'look=again', '--overwrite')
      const message = await whenReason(cluster, name, 'FailedDiscoveryCheck')
      assert.match(
        message,
        /^failing or missing response from https:\/\/[\d.]+:\d+\/apis\/wardle\.example\.com\/v1alpha1: Get "https:.*": dial tcp [\d.]+:\d+: connect: connection refused$/,
      )
      for (const call of [{}, upgrading]) {
        const { code, text, headers } = await http(flunders, call)
        assert.deepEqual([code, text], [503, 'service unavailable\n'])
        assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
      }
      assert.match((await kubectl.run(['get', 'fl'])).stderr, /the server is currently unable to handle the request/)
      assert.match((await http('/metrics')).text, /aggregator_unavailable_apiservice\{name="v1alpha1\.wardle[^}]*\} 1/)
      const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
      const { text } = await http('/apis', { headers: { accept } })
      assert.match(text, /"resource":"flunders"[^]*"freshness":"Stale"/)
      // Other groups are as they were.
      assert.match(await kubectl('get', 'apiservice', name), /default\/wardle +False \(FailedDiscoveryCheck\)/)
      assert.equal((await kubectl.run(['get', 'pods'])).code, 0)
    })

    it('holds the deletion of a namespace, and the garbage collector goes on', async () => {
      await kubectl('create', 'namespace', 'held')
      await kubectl('delete', 'namespace', 'held', '--wait=false')
      const condition = await waitFor(
        async () => {
          const { status } = await kubectl.json<Namespace>('get', 'namespace', 'held')
          return status?.conditions?.find(
            ({ type, status: value }) => type === 'NamespaceDeletionDiscoveryFailure' && value === 'True',
          )
        },
        { what: 'the condition of the namespace' },
      )
      assert.equal(condition.reason, 'DiscoveryFailed')
      assert.equal(
        condition.message,
        'Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: wardle.example.com/v1alpha1: stale GroupVersion discovery: wardle.example.com/v1alpha1',
      )
      await kubectl('create', 'deployment', 'collected', '--image=none')
      await waitFor(async () => (await kubectl('get', 'rs', '-l', 'app=collected', '-o', 'name')) !== '', {
        what: 'the ReplicaSet',
      })
      await kubectl('delete', 'deployment', 'collected')
      await waitFor(async () => (await kubectl('get', 'rs', '-l', 'app=collected', '-o', 'name')) === '', {
        what: 'the ReplicaSet to be collected',
      })
      await running().extension.start()
      await whenReason(running().cluster, name, 'Passed')
      await waitFor(async () => (await kubectl.run(['get', 'namespace', 'held'])).code !== 0, {
        what: 'the namespace to go',
        timeoutMs: 60_000,
      })
      assert.match(await whenCode(200), /FlunderList/)
    })

    it('is that of its Service and its endpoints', async () => {
      const { cluster } = running()
      await patchService({ spec: { ports: [{ name: 'https', port: 444 }] } })
      const notListening = await whenReason(cluster, name, 'ServicePortError')
      assert.equal(notListening, 'service/wardle in "default" is not listening on port 443')
      await patchService({ spec: { ports: [{ name: 'web', port: 443 }] } })
      const missing = await whenReason(cluster, name, 'MissingEndpoints')
      assert.equal(missing, 'endpointslices for service/wardle in "default" have no addresses with port name "web"')
      await patchService({ spec: { ports: [{ name: 'https', port: 443 }] } })
      await whenReason(cluster, name, 'Passed')
      await kubectl('delete', 'service', 'wardle')
      const absent = await whenReason(cluster, name, 'ServiceNotFound')
      assert.equal(absent, 'service/wardle in "default" is not present')
      const items = { apiVersion: 'v1', kind: 'List', items: running().extension.objects.slice(0, 2) }
      await kubectl.withInput(JSON.stringify(items), 'apply', '-f', '-')
      await whenReason(cluster, name, 'Passed')
    })

    it('is that of its certificate', async () => {
      const patch = (spec: object): Promise<string> =>
        kubectl('patch', 'apiservice', name, '--type=merge', '-p', JSON.stringify({ spec }))
      const { cluster, extension } = running()
      const [, , { spec }] = extension.objects
      const wrong = Buffer.from(await kubectl('get', 'cm', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}'))
      await patch({ caBundle: wrong.toString('base64') })
      assert.match(
        await whenReason(cluster, name, 'FailedDiscoveryCheck'),
        /x509: certificate signed by unknown authority$/,
      )
      await patch({ caBundle: null, insecureSkipTLSVerify: true })
      await whenReason(cluster, name, 'Passed')
      assert.match(await whenCode(200), /FlunderList/)
      await patch({ caBundle: spec?.caBundle, insecureSkipTLSVerify: false })
      await whenReason(cluster, name, 'Passed')
    })

    it('is known to every API server, from its start', async () => {
      await using second = await startApiServer(running().cluster)
      const list = (await second.client.raw('GET', flunders)) as { readonly kind: string }
      assert.equal(list.kind, 'FlunderList')
    })

    it('ends with its APIService', async () => {
      await kubectl('delete', 'apiservice', name)
      await whenCode(404)
      await waitFor(async () => !(await http('/apis')).text.includes('wardle.example.com'), { what: 'the group to go' })
    })
  })
}
