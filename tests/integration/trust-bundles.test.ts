/** ClusterTrustBundles: off by default, and what they are where they are on, in both versions. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { clusterRoleBindings, clusterRoles, clusterTrustBundles, pods, serviceAccounts } from '../../api/resources.ts'
import type { ClusterRole, ClusterTrustBundle, Pod } from '../../api/types.ts'
import { createCa } from '../../component-base/pki/certificates.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { type Call, createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const path = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles'
const alphaPath = '/apis/certificates.k8s.io/v1alpha1/clustertrustbundles'
const serving = 'kubernetes.io/kube-apiserver-serving'

let http: Http
const running = useCluster(
  {
    extraArgs: {
      'kube-apiserver': {
        'runtime-config': 'certificates.k8s.io/v1beta1=true,certificates.k8s.io/v1alpha1/clustertrustbundles=true',
        'feature-gates': 'ClusterTrustBundle=true,ClusterTrustBundleProjection=true',
      },
      'kube-controller-manager': { 'feature-gates': 'ClusterTrustBundle=true' },
    },
  },
  (cluster) => {
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
  },
)

/** The same, asked by somebody else. */
const as = (user: string, call: Call = {}): Call => ({
  ...call,
  headers: { ...call.headers, 'Impersonate-User': user },
})

describe('ClusterTrustBundles', () => {
  let cluster: TestCluster
  let pem = ''
  let other = ''

  before(async () => {
    cluster = running()
    pem = (await createCa('one')).certPem
    other = (await createCa('two')).certPem
  })

  const create = (name: string, spec: Partial<ClusterTrustBundle['spec']>, call: Call = {}) =>
    http(path, { method: 'POST', body: { metadata: { name }, spec }, ...call })

  it('are told of, in both versions, the better one first', async () => {
    const group = (await http('/apis/certificates.k8s.io')).json as { versions: { version: string }[] }
    assert.deepEqual(
      group.versions.map(({ version }) => version),
      ['v1', 'v1beta1', 'v1alpha1'],
    )
    const { resources } = (await http('/apis/certificates.k8s.io/v1beta1')).json as { resources: { name: string }[] }
    assert.deepEqual(
      resources.map(({ name }) => name),
      ['clustertrustbundles'],
    )
    assert.match(await cluster.kubectl('explain', 'clustertrustbundle.spec'), /signerName\s+<string>/)
    const { versionPriority } = (await http('/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.certificates.k8s.io'))
      .json['spec'] as { versionPriority: number }
    assert.equal(versionPriority, 9)
  })

  it('are one object in both versions, and in protobuf', async () => {
    assert.equal((await create('shared', { trustBundle: pem })).code, 201)
    const alpha = (await http(`${alphaPath}/shared`)).json
    assert.equal(alpha['apiVersion'], 'certificates.k8s.io/v1alpha1')
    assert.equal((alpha['spec'] as ClusterTrustBundle['spec']).trustBundle, pem)
    const wire = await http(`${path}/shared`, { headers: { accept: 'application/vnd.kubernetes.protobuf' } })
    assert.equal(wire.code, 200)
    assert.ok(wire.text.startsWith('k8s\0') && wire.text.includes('ClusterTrustBundle') && wire.text.includes(pem))
  })

  it('are what they say', async () => {
    const bad = await create('bad', { trustBundle: 'nothing' })
    assert.equal(bad.code, 422)
    assert.equal(
      bad.status.message,
      'ClusterTrustBundle.certificates.k8s.io "bad" is invalid: spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided',
    )
    const named = await create('bad', { signerName: 'example.com/s', trustBundle: pem })
    assert.equal(
      named.status.message,
      'ClusterTrustBundle.certificates.k8s.io "bad" is invalid: metadata.name: Invalid value: "bad": ClusterTrustBundle for signerName example.com/s must be named with prefix example.com:s:',
    )
    assert.equal((await create('example.com:s:a', { signerName: 'example.com/s', trustBundle: pem })).code, 201)
    const moved = await http(`${path}/example.com:s:a`, {
      method: 'PATCH',
      body: { spec: { signerName: 'example.com/t' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.equal(moved.code, 422)
    assert.match(moved.status.message ?? '', /spec.signerName: Invalid value: "example.com\/t": field is immutable/)
  })

  it('are selected and shown by their signer', async () => {
    await create('example.com:u:a', { signerName: 'example.com/u', trustBundle: pem })
    const shown = await cluster.kubectl('get', 'clustertrustbundles', '--field-selector=spec.signerName=example.com/u')
    assert.match(shown, /^NAME +SIGNERNAME\nexample.com:u:a +example.com\/u\n$/)
    assert.match(await cluster.kubectl('get', 'clustertrustbundles', 'shared'), /^shared +<none>$/m)
  })

  it('want a resourceVersion where they are replaced', async () => {
    const { code, status } = await http(`${path}/shared`, {
      method: 'PUT',
      body: { metadata: { name: 'shared' }, spec: { trustBundle: other } },
    })
    assert.equal(code, 422)
    assert.match(status.message ?? '', /metadata.resourceVersion: Invalid value: .*must be specified for an update/)
  })

  it('of a signer are written by those who may attest for it', async () => {
    const role = (name: string, rules: ClusterRole['rules']) =>
      cluster.client.create(clusterRoles, { metadata: { name }, ...(rules === undefined ? {} : { rules }) })
    const bind = (user: string, name: string) =>
      cluster.client.create(clusterRoleBindings, {
        metadata: { name: `${user}-${name}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      })
    const group = 'certificates.k8s.io'
    await role('bundles', [{ apiGroups: [group], resources: ['clustertrustbundles'], verbs: ['*'] }])
    await role('attest', [
      { apiGroups: [group], resources: ['signers'], resourceNames: ['jane.io/*'], verbs: ['attest'] },
    ])
    await bind('jane', 'bundles')
    await bind('jane', 'attest')
    await bind('john', 'bundles')
    const spec = { signerName: 'jane.io/s', trustBundle: pem }
    const first = as('jane', { method: 'POST', body: { metadata: { name: 'jane.io:s:a' }, spec } })
    await waitFor(async () => (await http(path, first)).code === 201, { what: "jane's rights" })
    const body = { metadata: { name: 'jane.io:s:b' }, spec }
    const refused = await http(path, as('john', { method: 'POST', body }))
    assert.equal(refused.code, 403)
    assert.equal(
      refused.status.message,
      'clustertrustbundles.certificates.k8s.io "jane.io:s:b" is forbidden: user not permitted to attest for signerName "jane.io/s"',
    )
    // What has no signer needs nobody's word.
    const plain = { metadata: { name: 'johns' }, spec: { trustBundle: pem } }
    assert.equal((await http(path, as('john', { method: 'POST', body: plain }))).code, 201)
    const change = await http(`${path}/jane.io:s:a`, {
      ...as('john', { method: 'PATCH', body: { spec: { trustBundle: other } } }),
      headers: { 'content-type': 'application/merge-patch+json', 'Impersonate-User': 'john' },
    })
    assert.equal(change.code, 403)
  })

  it('are read by every ServiceAccount and every kubelet, and written by neither', async () => {
    const groups = (user: string, ...names: string[]): Call => ({
      headers: { 'Impersonate-User': user, 'Impersonate-Group': [...names, 'system:authenticated'] },
    })
    const account = groups('system:serviceaccount:default:default', 'system:serviceaccounts')
    const kubelet = groups('system:node:somewhere', 'system:nodes')
    for (const call of [account, kubelet]) {
      assert.equal((await http(path, call)).code, 200)
      assert.equal((await http(`${path}/shared`, { ...call, method: 'DELETE' })).code, 403)
    }
    assert.equal((await http(path, groups('nobody'))).code, 403)
  })

  it('have the CA of the API server among them, and only the newest', async () => {
    const bundles = async (): Promise<readonly ClusterTrustBundle[]> =>
      (await cluster.client.list(clusterTrustBundles, { fieldSelector: `spec.signerName=${serving}` })).items
    const [published] = await waitFor(
      async () => {
        const found = await bundles()
        return found.length === 1 ? found : undefined
      },
      { what: 'the published CA' },
    )
    assert.match(published?.metadata?.name ?? '', /^kubernetes\.io:kube-apiserver-serving:[0-9a-f]{24}$/)
    assert.equal(published?.spec.trustBundle, readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8'))
    assert.ok(
      await cluster.client.get(serviceAccounts, 'kube-apiserver-serving-clustertrustbundle-publisher', 'kube-system'),
    )
    // Somebody's bundle of that signer does not last, and what is deleted comes back.
    const stray = `kubernetes.io:kube-apiserver-serving:stray`
    await create(stray, { signerName: serving, trustBundle: pem })
    await cluster.client.delete(clusterTrustBundles, published?.metadata?.name ?? '')
    await waitFor(
      async () => {
        const names = (await bundles()).map(({ metadata }) => metadata?.name)
        return names.length === 1 && names[0] === published?.metadata?.name
      },
      { what: 'the one bundle' },
    )
  })

  it('may stand in volumes of Pods', async () => {
    const pod = {
      metadata: { name: 'projecting', namespace: 'default' },
      spec: {
        nodeName: 'nowhere',
        containers: [{ name: 'main', image: 'none:1' }],
        volumes: [{ name: 'ca', projected: { sources: [{ clusterTrustBundle: { name: 'shared', path: 'ca.pem' } }] } }],
      },
    } as Pod
    const created = await cluster.client.create(pods, pod)
    const volume = created.spec?.volumes?.find(({ name }) => name === 'ca')
    assert.deepEqual(volume?.projected?.sources, [{ clusterTrustBundle: { name: 'shared', path: 'ca.pem' } }])
  })
})
