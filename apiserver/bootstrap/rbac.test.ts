import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterRole, ClusterRoleBinding } from '../../api/types.ts'
import { createAdmissionFixture } from '../admission/admission-fixture.ts'
import { clusterRoles } from '../authorization/bootstrap-policy/policy.ts'
import { reconcileRbac } from './rbac.ts'

const gates = { ClusterTrustBundle: false }
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate'
const ownRule = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }
const ownSubject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'somebody' }

const aCluster = async () => {
  const fixture = await createAdmissionFixture()
  const read = <T>(resource: string, name: string): T | undefined =>
    fixture.resource(resource).store.cache.get(name)?.object as T | undefined
  return {
    ...fixture,
    start: (wanted = gates) => reconcileRbac(fixture.resources, wanted),
    role: (name: string) => read<ClusterRole>('clusterroles.rbac.authorization.k8s.io', name),
    binding: (name: string) => read<ClusterRoleBinding>('clusterrolebindings.rbac.authorization.k8s.io', name),
    [Symbol.dispose]: () => fixture[Symbol.dispose](),
  }
}

describe('the default roles', () => {
  it('are all there after a start', async () => {
    using cluster = await aCluster()
    await cluster.start()
    for (const { metadata, rules } of clusterRoles(gates)) {
      if (metadata?.name === undefined) continue
      assert.deepEqual(cluster.role(metadata.name)?.rules, rules, metadata.name)
    }
    assert.ok(cluster.binding('system:basic-user'))
  })

  it('get back what they have lost, and keep what people gave them', async () => {
    using cluster = await aCluster()
    await cluster.start()
    const name = 'system:basic-user'
    const role = cluster.role(name)
    const binding = cluster.binding(name)
    await cluster.put('clusterroles.rbac.authorization.k8s.io', { ...role, rules: [ownRule] })
    await cluster.put('clusterrolebindings.rbac.authorization.k8s.io', { ...binding, subjects: [ownSubject] })
    await cluster.start()
    assert.deepEqual(cluster.role(name)?.rules, [ownRule, ...(role?.rules ?? [])])
    assert.deepEqual(cluster.binding(name)?.subjects, [ownSubject, ...(binding?.subjects ?? [])])
  })

  it('stay as they are where their annotation says so', async () => {
    using cluster = await aCluster()
    await cluster.start()
    const name = 'system:discovery'
    const role = cluster.role(name)
    const metadata = { ...role?.metadata, name, annotations: { [autoUpdate]: 'false' } }
    await cluster.put('clusterroles.rbac.authorization.k8s.io', { ...role, metadata, rules: [] })
    await cluster.start()
    assert.deepEqual(cluster.role(name)?.rules ?? [], [])
  })

  it('have the rules of a feature while its gate is on', async () => {
    using cluster = await aCluster()
    await cluster.start()
    const reads = (name: string): boolean =>
      cluster.role(name)?.rules?.some(({ resources }) => resources?.includes('clustertrustbundles')) === true
    assert.ok(!reads('system:node') && !reads('system:cluster-trust-bundle-discovery'))
    await cluster.start({ ClusterTrustBundle: true })
    assert.ok(reads('system:node') && reads('system:cluster-trust-bundle-discovery'))
    assert.ok(cluster.role('system:controller:kube-apiserver-serving-clustertrustbundle-publisher'))
    assert.equal(
      cluster.binding('system:cluster-trust-bundle-discovery')?.subjects?.[0]?.name,
      'system:serviceaccounts',
    )
  })
})
