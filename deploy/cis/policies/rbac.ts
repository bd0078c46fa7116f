/** 5.1: who may do what. What users grant by name is theirs to judge; what everybody gets is a failure. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pods, serviceAccounts } from '../../../api/resources.ts'
import type { Pod, ServiceAccount } from '../../../api/types.ts'
import { type Check, fail, failIfAny, failOn, type Section, someOf, type Verdict, warnOn } from '../check.ts'
import { filesUnder, isCertificate } from '../files.ts'
import { boundSubjects, grantsOf, ownRoles, type Right, roleKey, subjectsOf } from './rbac-objects.ts'

const rights = (id: string, title: string, wanted: readonly Right[]): Check => ({
  id,
  title,
  run: async (evidence): Promise<Verdict> => {
    const { broad, named } = await grantsOf(evidence, wanted)
    return broad.length > 0 ? fail(someOf(broad)) : warnOn(named)
  },
})

const read = ['get', 'list', 'watch']
const change = ['create', 'update', 'patch', 'delete', 'deletecollection']

const clusterAdmin: Check = {
  id: '5.1.1',
  title: 'cluster-admin is bound to administrators alone',
  run: async (evidence) => failOn(await subjectsOf(evidence, '/cluster-admin')),
}

const wildcards: Check = {
  id: '5.1.3',
  title: 'Roles do not use wildcards',
  run: async (evidence) => {
    const wild = (await ownRoles(evidence)).filter(({ rules = [] }) =>
      rules.some(({ apiGroups = [], resources = [], verbs }) => [...apiGroups, ...resources, ...verbs].includes('*')),
    )
    return failOn(wild.map((role) => `role ${roleKey(role).replace(/^\//, '')}`))
  },
}

const defaultAccounts: Check = {
  id: '5.1.5',
  title: 'Default service accounts have no rights',
  run: async (evidence) =>
    failOn(
      await boundSubjects(evidence, ({ kind, name }) => kind === 'ServiceAccount' && name === 'default'),
      'no role is bound to one; their tokens open nothing',
    ),
}

const hasToken = (pod: Pod, account: ServiceAccount | undefined): boolean =>
  pod.spec?.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true

/** A token that is mounted is of use only to an account with a role. */
const mountedTokens: Check = {
  id: '5.1.6',
  title: 'Tokens are mounted where they are needed',
  run: async (evidence) => {
    const { api } = evidence
    const [{ items: allPods }, { items: accounts }] = await Promise.all([
      api.list<Pod>(pods),
      api.list<ServiceAccount>(serviceAccounts),
    ])
    const byName = new Map(accounts.map((a) => [`${a.metadata?.namespace}/${a.metadata?.name}`, a]))
    const bound = new Set(
      (await evidence.rbac()).bindings.flatMap((binding) =>
        (binding.subjects ?? [])
          .filter(({ kind }) => kind === 'ServiceAccount')
          .map(({ name, namespace }) => `${namespace ?? binding.metadata?.namespace}/${name}`),
      ),
    )
    const idle = allPods.filter((pod) => {
      const account = `${pod.metadata?.namespace}/${pod.spec?.serviceAccountName ?? 'default'}`
      return hasToken(pod, byName.get(account)) && !bound.has(account)
    })
    return warnOn(idle.map(({ metadata }) => `Pod ${metadata?.namespace}/${metadata?.name} has a token without a role`))
  },
}

/** No RBAC rule binds who holds such a certificate: there is one, and it is for emergencies. */
const masters: Check = {
  id: '5.1.7',
  title: 'system:masters is for emergencies alone',
  run: async (evidence) => {
    const { layout, nodes } = evidence
    const emergency = join(layout.pki, 'super-admin.crt')
    const folders = [layout.pki, ...nodes.flatMap(({ paths }) => [paths.pki, join(paths.kubeletRoot, 'pki')])]
    const holders = folders
      .flatMap(filesUnder)
      .filter((path) => isCertificate(path) && path !== emergency)
      .filter((path) => new X509Certificate(readFileSync(path)).subject.split('\n').includes('O=system:masters'))
    const bound = await boundSubjects(evidence, ({ kind, name }) => kind === 'Group' && name === 'system:masters')
    return failIfAny([...holders, ...bound], 'super-admin.conf holds the only certificate')
  },
}

const rbacGroup = 'rbac.authorization.k8s.io'
const webhooks = (resource: string): Right => ({
  verbs: [...read, ...change],
  group: 'admissionregistration.k8s.io',
  resource,
})

export const rbacSection: Section = {
  id: '5.1',
  title: 'Policies: RBAC and service accounts',
  checks: [
    clusterAdmin,
    rights('5.1.2', 'Few may read Secrets', [{ verbs: read, group: '', resource: 'secrets' }]),
    wildcards,
    rights('5.1.4', 'Few may create Pods', [{ verbs: ['create'], group: '', resource: 'pods' }]),
    defaultAccounts,
    mountedTokens,
    masters,
    rights('5.1.8', 'Few may bind, escalate and impersonate', [
      ...['roles', 'clusterroles'].map((resource) => ({ verbs: ['bind', 'escalate'], group: rbacGroup, resource })),
      ...['users', 'groups', 'serviceaccounts'].map((resource) => ({ verbs: ['impersonate'], group: '', resource })),
    ]),
    rights('5.1.9', 'Few may create PersistentVolumes', [
      { verbs: ['create'], group: '', resource: 'persistentvolumes' },
    ]),
    rights('5.1.10', 'Few may use the proxy of nodes', [
      { verbs: [...read, ...change], group: '', resource: 'nodes', subresource: 'proxy' },
    ]),
    rights('5.1.11', 'Few may approve CertificateSigningRequests', [
      {
        verbs: ['update', 'patch'],
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        subresource: 'approval',
      },
    ]),
    rights('5.1.12', 'Few may see and change webhooks', [
      webhooks('validatingwebhookconfigurations'),
      webhooks('mutatingwebhookconfigurations'),
    ]),
    rights('5.1.13', 'Few may make tokens of service accounts', [
      { verbs: ['create'], group: '', resource: 'serviceaccounts', subresource: 'token' },
    ]),
  ],
}
