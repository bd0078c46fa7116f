/** Nobody gives away more than he has. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createKubectl, type Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { writeTokenKubeconfig } from '../../harness/kubeconfig.ts'

export const describeEscalation = (running: () => TestCluster): void => {
  describe('escalation', () => {
    const namespace = 'escalation'
    let admin: Kubectl
    /** May change roles and bindings of its namespace, and read ConfigMaps there. */
    let manager: Kubectl

    before(async () => {
      const cluster = running()
      admin = cluster.kubectl
      await admin('create', 'namespace', namespace)
      await admin('-n', namespace, 'create', 'serviceaccount', 'manager')
      const verbs = '--verb=get,list,create,update,patch,delete'
      const resources = '--resource=roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io'
      await admin('-n', namespace, 'create', 'role', 'manager', verbs, resources)
      await admin('-n', namespace, 'create', 'role', 'reader', '--verb=get', '--resource=configmaps')
      for (const role of ['manager', 'reader']) {
        const subject = `--serviceaccount=${namespace}:manager`
        await admin('-n', namespace, 'create', 'rolebinding', role, `--role=${role}`, subject)
      }
      const token = (await admin('-n', namespace, 'create', 'token', 'manager')).trim()
      manager = createKubectl(writeTokenKubeconfig(cluster, token))
      await waitFor(async () => (await manager('-n', namespace, 'auth', 'can-i', 'get', 'configmaps')) === 'yes\n', {
        what: 'the roles to count',
      })
    })

    const attempt = async (...args: readonly string[]): Promise<{ code: number; stderr: string }> =>
      manager.run(['-n', namespace, ...args])

    it('is refused in a Role that grants what its author may not do, who learns what is missing', async () => {
      assert.equal((await attempt('create', 'role', 'same', '--verb=get', '--resource=configmaps')).code, 0)
      const { code, stderr } = await attempt('create', 'role', 'more', '--verb=get', '--resource=secrets')
      assert.equal(code, 1)
      assert.match(
        stderr,
        /roles.rbac.authorization.k8s.io "more" is forbidden: user "system:serviceaccount:escalation:manager" \(groups=\["system:serviceaccounts" "system:serviceaccounts:escalation" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
      )
      const patch = '[{"op":"add","path":"/rules/-","value":{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}}]'
      const patched = await attempt('patch', 'role', 'same', '--type=json', `-p=${patch}`)
      assert.match(patched.stderr, /is attempting to grant RBAC permissions not currently held/)
    })

    it('is refused in a binding to a role of more power', async () => {
      const bind = (role: string) =>
        attempt('create', 'rolebinding', `to-${role}`, `--clusterrole=${role}`, `--serviceaccount=${namespace}:default`)
      const { stderr } = await bind('cluster-admin')
      assert.match(
        stderr,
        /rolebindings.rbac.authorization.k8s.io "to-cluster-admin" is forbidden: user .* is attempting to grant RBAC permissions not currently held/,
      )
      assert.equal((await bind('view')).code, 1)
      await admin(
        '-n',
        namespace,
        'create',
        'role',
        'binder',
        '--verb=bind',
        '--resource=clusterroles.rbac.authorization.k8s.io',
        '--resource-name=view',
      )
      await admin(
        '-n',
        namespace,
        'create',
        'rolebinding',
        'binder',
        '--role=binder',
        `--serviceaccount=${namespace}:manager`,
      )
      await waitFor(async () => (await bind('view')).code === 0, { what: 'the verb bind to count' })
    })

    it('is refused in ClusterRoles: by rules, by aggregation, by labels that put one role into another', async () => {
      const who = `--as=system:serviceaccount:${namespace}:curator`
      const verbs = '--verb=get,list,create,update,patch'
      const resources =
        '--resource=clusterroles.rbac.authorization.k8s.io,clusterrolebindings.rbac.authorization.k8s.io'
      await admin('create', 'clusterrole', 'curator', verbs, resources)
      const subject = `--serviceaccount=${namespace}:curator`
      await admin('create', 'clusterrolebinding', 'curator', '--clusterrole=curator', subject)
      await admin('create', 'clusterrole', 'powerful', '--verb=get,list', '--resource=secrets', '--resource=nodes')
      const as = (...args: readonly string[]) => admin.run([...args, who])
      await waitFor(async () => (await as('auth', 'can-i', 'create', 'clusterroles')).code === 0, {
        what: 'the role of the curator to count',
      })
      const notHeld =
        'user "system:serviceaccount:escalation:curator" (groups=["system:serviceaccounts" "system:serviceaccounts:escalation" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
      const role = (name: string, more: object): string =>
        JSON.stringify({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, ...more })
      const create = async (name: string, more: object): Promise<string> => {
        const file = join(running().layout.root, `${name}.json`)
        writeFileSync(file, role(name, more))
        return (await as('create', '-f', file)).stderr
      }
      const wanted = [
        { apiGroups: [''], resources: ['secrets', 'nodes'], verbs: ['get', 'list'] },
        { nonResourceURLs: ['/metrics'], verbs: ['get'] },
      ]
      const shown =
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}\n{NonResourceURLs:["/metrics"], Verbs:["get"]}'
      assert.ok((await create('more', { rules: wanted })).includes(`"more" is forbidden: ${notHeld}${shown}\n`))

      const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { any: 'thing' } }] }
      const aggregated = await create('aggregate', { rules: [], aggregationRule })
      assert.ok(
        aggregated.includes(
          '"aggregate" is forbidden: must have cluster-admin privileges to use the aggregationRule\n',
        ),
        aggregated,
      )
      const unaggregated = await as('patch', 'clusterrole', 'edit', '--type=merge', '-p={"aggregationRule":null}')
      assert.match(unaggregated.stderr, /"edit" is forbidden: /)

      const label = await as('label', 'clusterrole', 'powerful', 'rbac.authorization.k8s.io/aggregate-to-view=true')
      assert.ok(label.stderr.includes(`"powerful" is forbidden: ${notHeld}`), label.stderr)
      const finalizers = '-p={"metadata":{"finalizers":["example.com/wait"]}}'
      assert.equal((await as('patch', 'clusterrole', 'powerful', '--type=merge', finalizers)).code, 0)
      await admin('patch', 'clusterrole', 'powerful', '--type=merge', '-p={"metadata":{"finalizers":null}}')

      const bind = (clusterRole: string, name = clusterRole) =>
        as('create', 'clusterrolebinding', `to-${name}`, `--clusterrole=${clusterRole}`, subject)
      assert.match((await bind('absent')).stderr, /clusterroles.rbac.authorization.k8s.io "absent" not found/)
      assert.ok((await bind('powerful')).stderr.includes(`"to-powerful" is forbidden: ${notHeld}{APIGroups`))
      await admin('create', 'clusterrolebinding', 'existing', '--clusterrole=powerful', '--group=nobody')
      const subjects = JSON.stringify({ subjects: [{ kind: 'Group', name: 'system:authenticated', apiGroup: '' }] })
      const patched = await as('patch', 'clusterrolebinding', 'existing', '--type=merge', `-p=${subjects}`)
      assert.ok(patched.stderr.includes(`"existing" is forbidden: ${notHeld}`), patched.stderr)
      const escalate = ['--verb=escalate', '--resource=clusterroles.rbac.authorization.k8s.io']
      await admin('create', 'clusterrole', 'escalator', ...escalate)
      await admin('create', 'clusterrolebinding', 'escalator', '--clusterrole=escalator', subject)
      await waitFor(async () => (await create('more', { rules: wanted })) === '', {
        what: 'the verb escalate to count',
      })
    })

    it('is refused in a PUT that would create: who may only update does not make objects', async () => {
      const user = `--as=system:serviceaccount:${namespace}:updater`
      const { layout } = running()
      const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/new`
      const file = join(layout.root, 'lease.json')
      writeFileSync(
        file,
        JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'new' }, spec: {} }),
      )
      const put = () => admin.run(['replace', '--raw', path, '-f', file, user])
      const subject = `--serviceaccount=${namespace}:updater`
      const grant = (name: string, verb: string): Promise<unknown> =>
        admin('-n', namespace, 'create', 'role', name, `--verb=${verb}`, '--resource=leases.coordination.k8s.io').then(
          () => admin('-n', namespace, 'create', 'rolebinding', name, `--role=${name}`, subject),
        )
      await grant('lease-updater', 'update')
      await waitFor(async () => !(await put()).stderr.includes('cannot update'), { what: 'the verb update to count' })
      assert.match((await put()).stderr, /leases.coordination.k8s.io "new" is forbidden/)
      await grant('lease-creator', 'create')
      await waitFor(async () => (await put()).code === 0, { what: 'the verb create to count' })
    })

    it('ends at the namespace', async () => {
      const elsewhere = await manager.run(['-n', 'default', 'get', 'configmaps'])
      assert.match(
        elsewhere.stderr,
        /configmaps is forbidden: User "system:serviceaccount:escalation:manager" cannot list resource "configmaps" in API group "" in the namespace "default"/,
      )
      const cluster = await attempt('create', 'clusterrole', 'more', '--verb=get', '--resource=pods')
      assert.match(
        cluster.stderr,
        /cannot create resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope/,
      )
    })

    it('is told by auth can-i and by access reviews', async () => {
      const canI = async (...args: readonly string[]): Promise<string> =>
        (await manager.run(['-n', namespace, 'auth', 'can-i', ...args])).stdout.trim()
      assert.equal(await canI('create', 'roles'), 'yes')
      assert.equal(await canI('get', 'secrets'), 'no')
      const list = await canI('--list')
      assert.match(list, /configmaps +\[\] +\[\] +\[get\]/)
      assert.match(list, /selfsubjectaccessreviews.authorization.k8s.io +\[\] +\[\] +\[create\]/)
      const other = await admin.run([
        'auth',
        'can-i',
        'get',
        'secrets',
        `--as=system:serviceaccount:${namespace}:manager`,
      ])
      assert.equal(other.stdout.trim(), 'no')
    })
  })
}
