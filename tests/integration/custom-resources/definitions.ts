/** The life of definitions: conditions, discovery, names that collide, change, and the end with all their objects. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { cronTabs, define } from './fixtures.ts'

interface Definition {
  readonly metadata: { readonly finalizers?: readonly string[] }
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
    readonly acceptedNames: { readonly plural: string; readonly shortNames?: readonly string[] }
    readonly storedVersions: readonly string[]
  }
}

export const describeDefinitions = (running: () => TestCluster): void => {
  describe('a CustomResourceDefinition', () => {
    let kubectl: Kubectl
    let http: Http
    const group = 'definitions.example.com'
    const get = (name: string) => kubectl.json<Definition>('get', 'crd', name)
    const conditionsOf = async (name: string) =>
      Object.fromEntries(
        (await get(name)).status.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
      )

    before(async () => {
      ;({ kubectl } = running())
      http = createHttp(running(), pkiCredentials(running(), 'admin'))
      await define(kubectl, cronTabs(group))
    })

    it('is established, with its names', async () => {
      const { status } = await get(`crontabs.${group}`)
      assert.deepEqual(await conditionsOf(`crontabs.${group}`), {
        NamesAccepted: 'True NoConflicts',
        Established: 'True InitialNamesAccepted',
      })
      assert.equal(status.acceptedNames.plural, 'crontabs')
      assert.deepEqual(status.storedVersions, ['v1'])
    })

    it('is discovered in both forms', async () => {
      const { json } = await http(`/apis/${group}`)
      assert.deepEqual(json['versions'], [
        { groupVersion: `${group}/v1`, version: 'v1' },
        { groupVersion: `${group}/v1beta1`, version: 'v1beta1' },
      ])
      const list = (await http(`/apis/${group}/v1`)).json as {
        resources: { name: string; shortNames?: string[]; kind: string }[]
      }
      assert.deepEqual(
        list.resources.map(({ name, kind }) => [name, kind]),
        [
          ['crontabs', 'CronTab'],
          ['crontabs/scale', 'Scale'],
          ['crontabs/status', 'CronTab'],
        ],
      )
      const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
      const aggregated = (await http('/apis', { headers: { accept } })).json as {
        items: { metadata: { name: string } }[]
      }
      assert.ok(aggregated.items.some(({ metadata }) => metadata.name === group))
      assert.match(
        await kubectl('api-resources', `--api-group=${group}`),
        /crontabs\s+ct\s+definitions\.example\.com\/v1\s+true\s+CronTab/,
      )
    })

    it('cannot take the names of another one of its group', async () => {
      const other = cronTabs(group)
      const { names } = other.spec
      const taken = {
        ...other,
        metadata: { name: `others.${group}` },
        spec: {
          ...other.spec,
          names: { ...names, plural: 'others', singular: 'other', kind: 'Other', shortNames: ['ct'] },
        },
      }
      await kubectl.run(['create', '-f', '-'], { input: JSON.stringify(taken) })
      await waitFor(async () => 'NamesAccepted' in (await conditionsOf(`others.${group}`)), {
        what: 'its names to be judged',
      })
      assert.deepEqual(await conditionsOf(`others.${group}`), {
        NamesAccepted: 'False ShortNamesConflict',
        Established: 'False NotAccepted',
      })
      assert.equal((await http(`/apis/${group}/v1/others`)).code, 404)
      await kubectl('delete', 'crd', `others.${group}`)
    })

    it('serves what it says after a change', async () => {
      const { spec } = cronTabs(group)
      const [first, second] = spec.versions
      const versions = [
        { ...first, additionalPrinterColumns: [] },
        { ...second, served: false },
      ]
      await kubectl('patch', 'crd', `crontabs.${group}`, '--type=merge', '-p', JSON.stringify({ spec: { versions } }))
      await waitFor(async () => (await http(`/apis/${group}/v1beta1`)).code === 404, { what: 'v1beta1 to vanish' })
      assert.equal((await http(`/apis/${group}/v1/crontabs`)).code, 200)
    })

    it('goes with its objects, which go first', async () => {
      const ending = 'ending.example.com'
      await define(kubectl, cronTabs(ending))
      for (const [name, finalizers] of [
        ['plain', []],
        ['held', ['example.com/hold']],
      ] as const) {
        const object = {
          apiVersion: `${ending}/v1`,
          kind: 'CronTab',
          metadata: { name, finalizers },
          spec: { cronSpec: '* * * * */5' },
        }
        const { stderr } = await kubectl.run(['create', '-f', '-'], { input: JSON.stringify(object) })
        assert.equal(stderr, '')
      }
      await kubectl('delete', 'crd', `crontabs.${ending}`, '--wait=false')
      const path = `/apis/${ending}/v1/namespaces/default/crontabs`
      await waitFor(async () => (await http(`${path}/plain`)).code === 404, { what: 'the object to go' })
      const { metadata } = await get(`crontabs.${ending}`)
      assert.deepEqual(metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io'])
      assert.equal((await conditionsOf(`crontabs.${ending}`))['Terminating'], 'True InstanceDeletionInProgress')
      const late = {
        apiVersion: `${ending}/v1`,
        kind: 'CronTab',
        metadata: { name: 'late' },
        spec: { cronSpec: '* * * * *' },
      }
      assert.equal((await http(path, { method: 'POST', body: late })).code, 405)
      await http(`${path}/held`, {
        method: 'PATCH',
        body: { metadata: { finalizers: null } },
        headers: { 'content-type': 'application/merge-patch+json' },
      })
      await waitFor(
        async () =>
          (await http(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/crontabs.${ending}`)).code === 404,
        {
          what: 'the definition to go',
        },
      )
      await waitFor(async () => (await http(`/apis/${ending}`)).code === 404, { what: 'its group to go' })
    })
  })
}
