/** Discovery and OpenAPI tell of aggregated servers as of the API server itself. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { createExtensionServer, type ExtensionServer } from '../../harness/extension-server/start.ts'
import { waitFor } from '../../harness/wait.ts'
import { register, type World } from './world.ts'

interface GroupDiscovery {
  readonly metadata: { readonly name?: string }
  readonly versions: readonly {
    readonly version: string
    readonly freshness: string
    readonly resources: readonly { readonly resource: string; readonly subresources?: readonly object[] }[]
  }[]
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

export const describeDocuments = (running: () => World): void => {
  describe('documents about aggregated servers', () => {
    let http: Http
    let older: ExtensionServer
    const groups = async (): Promise<GroupDiscovery[]> =>
      (await http('/apis', { headers: { accept: aggregated } })).json['items'] as GroupDiscovery[]
    const versionOf = async (group: string) =>
      (await groups()).find(({ metadata }) => metadata.name === group)?.versions[0]

    before(async () => {
      const { cluster, host } = running()
      http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
      const options = { group: 'older.example.com', host, older: true, groupPriority: 17_790 }
      older = await createExtensionServer(cluster, options)
      await older.start()
      await register(cluster, older)
    })
    after(async () => {
      await running().cluster.kubectl('delete', 'apiservice', 'v1alpha1.older.example.com')
      await older[Symbol.asyncDispose]()
    })

    it('are those of discovery, whichever form the server has', async () => {
      for (const group of ['wardle.example.com', 'older.example.com']) {
        const version = await waitFor(
          async () => {
            const found = await versionOf(group)
            return found?.freshness === 'Current' ? found : undefined
          },
          { what: `${group} to be current` },
        )
        assert.equal(version.resources[0]?.resource, 'flunders')
        assert.equal(version.resources[0]?.subresources?.length, 1)
        const { json } = await http(`/apis/${group}`)
        assert.deepEqual(json['preferredVersion'], { groupVersion: `${group}/v1alpha1`, version: 'v1alpha1' })
        assert.equal((await http(`/apis/${group}/v1alpha1`)).json['kind'], 'APIResourceList')
      }
    })

    it('are in the order of the priorities', async () => {
      const { json } = await http('/apis', { headers: { accept: 'application/json' } })
      const names = (json['groups'] as { name: string }[]).map(({ name }) => name)
      assert.deepEqual(names.slice(0, 4), ['apiregistration.k8s.io', 'apps', 'older.example.com', 'events.k8s.io'])
      assert.ok(names.indexOf('wardle.example.com') > names.indexOf('flowcontrol.apiserver.k8s.io'))
      assert.deepEqual(
        (await groups()).slice(0, 3).map(({ metadata }) => metadata.name),
        ['apiregistration.k8s.io', 'apps', 'older.example.com'],
      )
    })

    it('are those of OpenAPI, in both versions', async () => {
      const index = await waitFor(
        async () => {
          const { paths } = (await http('/openapi/v3')).json as {
            paths?: Record<string, { serverRelativeURL: string }>
          }
          return paths?.['apis/wardle.example.com/v1alpha1']
        },
        { what: 'the index of OpenAPI' },
      )
      const document = await http(index.serverRelativeURL)
      assert.match(document.text, /A flunder of the test\./)
      // Of a server without version 3 its version 2 is told in that form.
      const all = (await http('/openapi/v3')).json['paths'] as Record<string, { serverRelativeURL: string }>
      const converted = await http(all['apis/older.example.com/v1alpha1']?.serverRelativeURL ?? '')
      const { components } = converted.json as { components: { schemas: Record<string, { description: string }> } }
      const { description } = components.schemas['com.example.older.v1alpha1.Flunder'] ?? {}
      assert.equal(description, 'A flunder of the test.')
      const v2 = await waitFor(
        async () => {
          const answer = await http('/openapi/v2')
          return answer.text.includes('com.example.wardle.v1alpha1.Flunder') ? answer : undefined
        },
        { what: 'the document of version 2' },
      )
      const { paths, definitions } = v2.json as { paths: object; definitions: object }
      assert.ok('/apis/wardle.example.com/v1alpha1/namespaces/{namespace}/flunders' in paths)
      // Only what the group's own paths need.
      assert.ok(!('/healthz' in paths) && !('unused' in definitions))
      assert.ok('io.k8s.api.core.v1.Pod' in definitions)
      const same = await http('/openapi/v2', { headers: { 'if-none-match': String(v2.headers['etag']) } })
      assert.equal(same.code, 304)
      const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
      assert.equal((await http('/openapi/v2', { headers: { accept } })).code, 200)
    })
  })
}
