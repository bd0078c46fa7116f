/**
 * No component of ours holds more than upstream's role for it, or needs more: a cluster works with every request of
 * its components in the audit log, and each of them was allowed by upstream's own binding for who asked.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dump } from 'js-yaml'
import { isReason } from '../../api/meta/status-error.ts'
import {
  clusterRoleBindings as clusterRoleBindingsRef,
  cronJobs,
  jobs,
  namespaces,
  roleBindings as roleBindingsRef,
} from '../../api/resources.ts'
import type { ClusterRoleBinding, RoleBinding } from '../../api/types.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { bindingsOf, bindingsOfEverybody, clusterRoleBindings, roleBindings } from './least-privilege/granted.ts'

interface AuditEvent {
  readonly verb: string
  readonly requestURI: string
  readonly stageTimestamp: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly responseStatus?: { readonly code?: number; readonly message?: string }
  readonly annotations?: Readonly<Record<string, string>>
}

const directory = mkdtempSync(join(tmpdir(), 'kubets-least-privilege-'))
const log = join(directory, 'audit.log')
const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] }
writeFileSync(join(directory, 'policy.yaml'), dump({ ...policy, omitStages: ['RequestReceived'] }))
after(() => rmSync(directory, { recursive: true }))

/** From when on the cluster is up: until then the API server makes its roles, and the launcher its bindings. */
let startedAt = ''

const running = useCluster(
  {
    nodes: 1,
    metricsServer: true,
    ingressController: true,
    extraArgs: {
      'kube-apiserver': { 'audit-policy-file': join(directory, 'policy.yaml'), 'audit-log-path': log },
      // Requests and renewals of certificates are part of the work.
      'kube-controller-manager': { 'cluster-signing-duration': '1m' },
    },
  },
  () => {
    startedAt = new Date().toISOString()
  },
)

const events = (): AuditEvent[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user }) => 'username' in user) // others were told 401

const isAccountOfController = (user: string): boolean => user.startsWith('system:serviceaccount:kube-system:')
const isNode = (user: string): boolean => user.startsWith('system:node:')
const isComponent = (user: string): boolean =>
  isAccountOfController(user) ||
  isNode(user) ||
  [
    'kubets:ingress-controller',
    'system:kube-controller-manager',
    'system:kube-scheduler',
    'system:kube-proxy',
    'system:metrics-server',
  ].includes(user)

/** Name of the binding that the authorizer gave as its reason. */
const bindingOf = ({ annotations }: AuditEvent): string | undefined =>
  /^RBAC: allowed by (?:Cluster)?RoleBinding "(?:([^"/]+)\/[^"]+|([^"]+))"/
    .exec(annotations?.['authorization.k8s.io/reason'] ?? '')
    ?.slice(1)
    .find((name) => name !== undefined)

const describeBinding = ({ metadata, roleRef, subjects }: ClusterRoleBinding | RoleBinding): string => {
  const names = (subjects ?? []).map(({ kind, name, namespace }) =>
    kind === 'ServiceAccount' ? `${namespace}/${name}` : name,
  )
  const where = metadata?.namespace === undefined ? '' : `${metadata.namespace}/`
  return `${where}${metadata?.name} → ${roleRef.name}: ${names.join(' ')}`
}

describe('least privilege', () => {
  before(async () => {
    ensureTestImages()
    const { client, kubectl } = running()
    await client.create(namespaces, { metadata: { name: 'work' } })
    const text = readFileSync(new URL('least-privilege/work.yaml', import.meta.url), 'utf8')
    const manifest = text.replaceAll('${WEB}', webImage(1)).replaceAll('${BUSYBOX}', busyboxImage)
    await kubectl.withInput(manifest, 'apply', '-f', '-')
    await client.patch(cronJobs, 'often', 'work', { spec: { schedule: '0 0 1 1 *' } }, { type: 'merge' })
    await kubectl('create', 'job', '--from=cronjob/often', 'now', '-n', 'work')
    const ready = ['rollout', 'status', '-n', 'work', '--timeout=120s']
    for (const what of ['deployment/web', 'daemonset/everywhere']) await kubectl(...ready, what)
    await waitFor(
      () =>
        client.get(jobs, 'once', 'work').then(
          () => false,
          (error: unknown) => isReason(error, 'NotFound'),
        ),
      { what: 'the end of a finished Job' },
    )
    await waitFor(
      async () => (await client.get(jobs, 'failing', 'work')).status?.conditions?.some(({ type }) => type === 'Failed'),
      { what: 'the failure of a Job' },
    )
    await kubectl('set', 'image', '-n', 'work', 'deployment/web', `main=${webImage(2)}`)
    await kubectl(...ready, 'deployment/web')
    await kubectl('rollout', 'undo', '-n', 'work', 'deployment/web')
    await kubectl(...ready, 'deployment/web')
    await kubectl('scale', '-n', 'work', 'deployment/web', '--replicas=1')
    const [pod = ''] = (await kubectl('get', 'pods', '-n', 'work', '-l', 'app=everywhere', '-o', 'name')).split('\n')
    assert.equal(await kubectl('exec', '-n', 'work', pod, '--', 'echo', 'there'), 'there\n')
    await kubectl('logs', '-n', 'work', pod)
    await kubectl('delete', '-n', 'work', 'statefulset/numbered', 'rc/old', '--cascade=foreground')
    await kubectl('delete', 'namespace', 'work', '--timeout=120s')
    await kubectl('delete', 'pv/shelf', 'clusterrole/sum', 'clusterrole/part')
  })

  it('no component is refused anything in its normal work', () => {
    const refused = events().filter(
      ({ user, responseStatus, stageTimestamp }) =>
        isComponent(user.username) && responseStatus?.code === 403 && stageTimestamp > startedAt,
    )
    const isOver = ({ responseStatus, annotations }: AuditEvent): boolean =>
      // What comes too late into a namespace that goes was allowed, and is refused by admission.
      annotations?.['authorization.k8s.io/decision'] === 'allow' &&
      responseStatus?.message?.includes('being terminated') === true
    assert.deepEqual(
      refused.filter((event) => !isOver(event)).map(({ user, verb, requestURI }) => [user.username, verb, requestURI]),
      [],
    )
  })

  it('each request was allowed by upstream’s binding for who asked, and by no other', () => {
    const wrong = new Set<string>()
    const seen = new Set<string>()
    for (const event of events()) {
      const { user, verb, requestURI, annotations } = event
      const { username } = user
      if (!isComponent(username) || annotations?.['authorization.k8s.io/decision'] !== 'allow') continue
      seen.add(username)
      const binding = bindingOf(event)
      // The Node authorizer gives no reason: it was neither a binding nor a group.
      const byNodeAuthorizer = isNode(username) && annotations['authorization.k8s.io/reason'] === ''
      const known = binding !== undefined && [...bindingsOf(username), ...bindingsOfEverybody].includes(binding)
      if (!byNodeAuthorizer && !known) wrong.add(`${username} ${verb} ${requestURI}: ${binding}`)
    }
    assert.deepEqual([...wrong], [])
    const workers = ['deployment', 'replicaset', 'job', 'cronjob', 'daemon-set', 'statefulset', 'endpointslice']
    for (const name of workers.map((worker) => `${worker}-controller`)) {
      assert.ok(seen.has(`system:serviceaccount:kube-system:${name}`), name)
    }
    const accounts = ['generic-garbage-collector', 'namespace-controller', 'certificate-controller']
    for (const account of [...accounts, 'coredns', 'kube-network-policies']) {
      assert.ok(seen.has(`system:serviceaccount:kube-system:${account}`), account)
    }
    const users = ['system:kube-scheduler', 'system:kube-proxy', 'system:kube-controller-manager']
    for (const user of [...users, 'kubets:ingress-controller']) {
      assert.ok(seen.has(user), user)
    }
  })

  it('nobody but the launcher’s first request is in system:masters', () => {
    const masters = events().filter(({ user }) => user.groups?.includes('system:masters') === true)
    const others = masters.filter(({ user }) => !['kubernetes-super-admin', 'system:apiserver'].includes(user.username))
    assert.deepEqual(
      others.map(({ user, requestURI }) => [user.username, requestURI]),
      [],
    )
    const uris = masters
      .filter(({ user }) => user.username === 'kubernetes-super-admin')
      .map((event) => event.requestURI)
    assert.ok(uris.length > 0)
    // A request whose answer did not come is looked after by its name.
    const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
    const allowed = [bindings, `${bindings}/kubeadm:cluster-admins`]
    assert.deepEqual(
      uris.map((uri) => decodeURIComponent(uri)).filter((uri) => !allowed.includes(uri)),
      [],
    )
  })

  it('the cluster has upstream’s bindings and kubeadm’s, and no more', async () => {
    const { client } = running()
    const cluster = (await client.list(clusterRoleBindingsRef)).items.map(describeBinding)
    assert.deepEqual(cluster.sort(), [...clusterRoleBindings].sort())
    const inNamespaces = (await client.list(roleBindingsRef)).items.map(describeBinding)
    assert.deepEqual(inNamespaces.sort(), [...roleBindings].sort())
  })
})
