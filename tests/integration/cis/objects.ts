import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type Evidence, gatherEvidence } from '../../../deploy/cis/evidence.ts'
import type { Verdict } from '../../../deploy/cis/check.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { verdictOf } from './run-check.ts'

const namespace = 'cis'
const podsPath = `/api/v1/namespaces/${namespace}/pods`
const rbacPath = '/apis/rbac.authorization.k8s.io/v1'

/** A Pod that no node takes: what it asks for is what counts. */
const pod = (name: string, spec: object, container: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { nodeSelector: { no: 'where' }, ...spec, containers: [{ name: 'c', image: 'x', ...container }] },
})

/** As the restricted level wants it. */
const careful = {
  pod: {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  },
  container: { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
}

/** Pods of which a check should warn. */
const careless: readonly (readonly [id: string, spec: object, container?: object])[] = [
  ['5.1.6', { ...careful.pod, automountServiceAccountToken: true }, careful.container],
  ['5.2.2', {}, { securityContext: { privileged: true } }],
  ['5.2.3', { hostPID: true }],
  ['5.2.4', { hostIPC: true }],
  ['5.2.5', { hostNetwork: true }],
  ['5.2.6', {}],
  ['5.2.7', {}],
  ['5.2.8', {}],
  ['5.2.9', {}],
  ['5.2.11', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }],
  ['5.2.12', {}, { ports: [{ containerPort: 80, hostPort: 80 }] }],
  ['5.3.2', {}],
  ['5.4.1', {}, { envFrom: [{ secretRef: { name: 's' } }] }],
  ['5.6.2', { securityContext: { seccompProfile: { type: 'Unconfined' } } }],
  ['5.6.3', {}],
]

const rule = (verbs: string, resources: string, apiGroups = ''): object => ({
  verbs: verbs.split(','),
  resources: [resources],
  apiGroups: [apiGroups],
})

const anybody = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }
const ann = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }
const defaultAccount = { kind: 'ServiceAccount', name: 'default', namespace: 'default' }

/** Rights that nobody should have for being somebody. */
const rights: readonly (readonly [id: string, rule: object])[] = [
  ['5.1.2', rule('list', 'secrets')],
  ['5.1.4', rule('create', 'pods')],
  ['5.1.8', rule('escalate', 'clusterroles', 'rbac.authorization.k8s.io')],
  ['5.1.8', rule('impersonate', 'users')],
  ['5.1.9', rule('create', 'persistentvolumes')],
  ['5.1.10', rule('get', 'nodes/proxy')],
  ['5.1.11', rule('update', 'certificatesigningrequests/approval', 'certificates.k8s.io')],
  ['5.1.12', rule('patch', 'mutatingwebhookconfigurations', 'admissionregistration.k8s.io')],
  ['5.1.13', rule('create', 'serviceaccounts/token')],
]

export const describeObjects = (running: Running): void => {
  describe('the CIS benchmark of policies', () => {
    let cluster: TestCluster
    let evidence: Evidence
    const now = (id: string): Promise<Verdict> => verdictOf(id, evidence)
    const createPod = (name: string, spec: object, container?: object): Promise<unknown> =>
      cluster.client.raw('POST', podsPath, pod(name, spec, container))
    const deletePod = (name: string): Promise<unknown> =>
      cluster.client.raw('DELETE', `${podsPath}/${name}`, { gracePeriodSeconds: 0 })
    const binding = (role: string, subject: object): object => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'cis-test' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [subject],
    })
    const role = (wanted: object): object => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'cis-test' },
      rules: [wanted],
    })
    const bind = (name: string, subject: object): Promise<unknown> =>
      cluster.client.raw('POST', `${rbacPath}/clusterrolebindings`, binding(name, subject))
    const unbind = (): Promise<unknown> => cluster.client.raw('DELETE', `${rbacPath}/clusterrolebindings/cis-test`)
    const createRole = (wanted: object): Promise<unknown> =>
      cluster.client.raw('POST', `${rbacPath}/clusterroles`, role(wanted))
    const deleteRole = (): Promise<unknown> => cluster.client.raw('DELETE', `${rbacPath}/clusterroles/cis-test`)

    before(async () => {
      cluster = running()
      evidence = gatherEvidence(cluster.layout)
      await cluster.kubectl('create', 'namespace', namespace)
      await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=privileged')
    })

    it('passes a Pod that asks for nothing', async () => {
      await createPod('careful', careful.pod, careful.container)
      for (const id of ['5.1.6', '5.2.1', '5.2.2', '5.2.6', '5.2.7', '5.2.8', '5.2.9', '5.6.2', '5.6.3', '5.6.4']) {
        assert.equal((await now(id)).type, 'pass', id)
      }
      await deletePod('careful')
    })

    it('warns of each thing that a Pod should not ask for', async () => {
      for (const [id, spec, container] of careless) {
        await createPod('careless', spec, container)
        const { type, detail } = await now(id)
        assert.equal(type, 'warn', id)
        assert.match(detail, /careless|namespace cis/, id)
        await deletePod('careless')
        if (id.startsWith('5.2.')) assert.equal((await now(id)).type, 'pass', id)
      }
    })

    it('warns of workloads in a namespace without a policy, and in the namespace default', async () => {
      await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce-')
      await createPod('careful', careful.pod, careful.container)
      assert.match((await now('5.2.1')).detail, /kubectl label ns cis pod-security/)
      await cluster.kubectl('create', 'configmap', 'mine')
      assert.deepEqual(await now('5.6.4'), { type: 'warn', detail: 'configmaps/mine' })
      await cluster.kubectl('delete', 'configmap', 'mine')
      await deletePod('careful')
    })

    it('fails rights that everybody has, and warns of those that somebody was given', async () => {
      for (const [id, wanted] of rights) {
        await createRole(wanted)
        await bind('cis-test', anybody)
        assert.equal((await now(id)).type, 'fail', id)
        await unbind()
        await bind('cis-test', ann)
        assert.deepEqual(await now(id), { type: 'warn', detail: 'User ann everywhere (cis-test)' }, id)
        await unbind()
        await deleteRole()
        assert.equal((await now(id)).type, 'pass', id)
      }
    })

    it('fails more administrators, wildcards, and roles of default accounts', async () => {
      const bound = [
        ['5.1.1', 'cluster-admin', ann],
        ['5.1.5', 'view', defaultAccount],
        ['5.1.7', 'view', { ...anybody, name: 'system:masters' }],
      ] as const
      for (const [id, name, subject] of bound) {
        await bind(name, subject)
        assert.equal((await now(id)).type, 'fail', id)
        await unbind()
      }
      await createRole(rule('*', 'pods'))
      assert.equal((await now('5.1.3')).type, 'fail')
      await deleteRole()
    })

    it('fails a role of every cluster that was made wider', async () => {
      const wider = [{ op: 'add', path: '/rules/-', value: rule('get', 'secrets') }]
      await cluster.kubectl('patch', 'clusterrole', 'system:discovery', '--type=json', '-p', JSON.stringify(wider))
      assert.equal((await now('5.1.2')).type, 'fail')
      const rules = await cluster.kubectl.json<{ rules: unknown[] }>('get', 'clusterrole', 'system:discovery')
      const back = [{ op: 'remove', path: `/rules/${rules.rules.length - 1}` }]
      await cluster.kubectl('patch', 'clusterrole', 'system:discovery', '--type=json', '-p', JSON.stringify(back))
      assert.equal((await now('5.1.2')).type, 'pass')
    })

    it('warns of tokens that never end, and of bootstrap tokens for more than nodes', async () => {
      const annotations = { 'kubernetes.io/service-account.name': 'default' }
      const forEver = {
        metadata: { name: 'for-ever', namespace, annotations },
        type: 'kubernetes.io/service-account-token',
      }
      const token = {
        metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          'token-id': 'abcdef',
          'token-secret': '0123456789abcdef',
          'usage-bootstrap-authentication': 'true',
          expiration: '2100-01-01T00:00:00Z',
          'auth-extra-groups': 'admins',
        },
      }
      for (const secret of [forEver, token]) {
        await cluster.client.raw('POST', `/api/v1/namespaces/${secret.metadata.namespace}/secrets`, secret)
      }
      assert.match((await now('3.1.2')).detail, /cis\/for-ever/)
      assert.equal((await now('3.1.3')).detail, 'bootstrap-token-abcdef is in admins')
      // Both are Secrets: they must lie encrypted in the store.
      assert.deepEqual(await now('1.2.28'), { type: 'pass', detail: 'secretbox' })
      await cluster.kubectl('-n', 'kube-system', 'delete', 'secret', 'bootstrap-token-abcdef')
      await cluster.kubectl('-n', namespace, 'delete', 'secret', 'for-ever')
    })
  })
}
