/** `kubectl apply` in all its forms, and dry runs of the server. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { ConfigMap, KubeObject } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { inNewNamespace, type Surface } from './surface.ts'

const document = (name: string, value: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, labels: {set: pruned}}
data: {k: ${value}}
`
const two = `${document('p1', 'v')}---${document('p2', 'v')}`
const one = document('p1', 'v')

export const describeApply = (surface: Surface): void => {
  describe('apply', () => {
    let kubectl: Kubectl
    const apply = (input: string, ...args: readonly string[]): Promise<string> =>
      kubectl.withInput(input, 'apply', '-f', '-', ...args)

    before(async () => {
      kubectl = await inNewNamespace(surface, `apply-${surface.suffix}`)
    })

    it('prunes what is no longer there, by labels and an allowlist', async () => {
      const prune = ['--prune', '-l', 'set=pruned', '--prune-allowlist=core/v1/ConfigMap']
      assert.equal(await apply(two, ...prune), 'configmap/p1 created\nconfigmap/p2 created\n')
      const dry = await apply(one, ...prune, '--dry-run=server')
      assert.equal(dry, 'configmap/p1 unchanged (server dry run)\nconfigmap/p2 pruned (server dry run)\n')
      assert.equal(await apply(one, ...prune), 'configmap/p1 unchanged\nconfigmap/p2 pruned\n')
      assert.equal(await kubectl('get', 'configmap', '-l', 'set=pruned', '-o', 'name'), 'configmap/p1\n')
    })

    it('prunes by ApplySet, on the client and on the server', async () => {
      const env = { KUBECTL_APPLYSET: 'true' }
      const set = async (input: string, ...args: readonly string[]): Promise<string> => {
        const all = ['apply', '-f', '-', '--prune', '--applyset=myset', ...args]
        const { code, stdout, stderr } = await kubectl.run(all, { input, env })
        assert.equal(code, 0, stderr)
        return stdout
      }
      assert.equal(await set(two), 'configmap/p1 configured\nconfigmap/p2 created\n')
      const server = await set(two, '--server-side', '--force-conflicts')
      assert.equal(server, 'configmap/p1 serverside-applied\nconfigmap/p2 serverside-applied\n')
      assert.match(await set(one), /^configmap\/p1 (configured|unchanged)\nconfigmap\/p2 pruned\n$/)
      const parent = await kubectl.json<KubeObject>('get', 'secret', 'myset')
      const { annotations = {}, labels = {} } = parent.metadata ?? {}
      assert.match(annotations['applyset.kubernetes.io/tooling'] ?? '', /^kubectl\/v1\.\d+\.\d+$/)
      const member = await kubectl.json<ConfigMap>('get', 'configmap', 'p1')
      const id = labels['applyset.kubernetes.io/id']
      assert.ok(id !== undefined)
      assert.equal(member.metadata?.labels?.['applyset.kubernetes.io/part-of'], id)
    })

    it('shows, sets and edits what was applied last', async () => {
      const last = async (): Promise<KubeObject & { data?: unknown }> =>
        JSON.parse(await kubectl('apply', 'view-last-applied', 'configmap/p1', '-o', 'json')) as KubeObject
      assert.deepEqual((await last()).data, { k: 'v' })
      const set = await kubectl.withInput(document('p1', 'w'), 'apply', 'set-last-applied', '-f', '-')
      assert.equal(set, 'configmap/p1 configured\n')
      assert.deepEqual((await last()).data, { k: 'w' })
      const env = { KUBE_EDITOR: 'sed -i s/k:.w/k:\\ x/' }
      const edited = await kubectl.run(['apply', 'edit-last-applied', 'configmap/p1'], { env })
      assert.equal(edited.stdout, 'configmap/p1 edited\n', edited.stderr)
      assert.deepEqual((await last()).data, { k: 'x' })
      // The object itself is as it was.
      assert.equal(await kubectl('get', 'configmap', 'p1', '-o', 'jsonpath={.data.k}'), 'v')
      const absent = await kubectl.run(['apply', 'set-last-applied', '-f', '-'], { input: document('none', 'w') })
      assert.match(absent.stderr, /configmaps "none" not found/)
    })

    it('with validation refuses fields that there are not', async () => {
      const wrong = one.replace('\ndata:', '\nnope: 1\ndata:')
      const strict = await kubectl.run(['apply', '-f', '-'], { input: wrong })
      assert.match(strict.stderr, /unknown field "nope"|unknown field "ConfigMap\.nope"/)
      const warned = await kubectl.run(['apply', '-f', '-', '--validate=warn'], { input: wrong })
      assert.equal(warned.code, 0, warned.stderr)
      assert.match(warned.stderr, /Warning: unknown field "nope"/)
      const ignored = await kubectl.run(['apply', '-f', '-', '--validate=ignore'], { input: wrong })
      assert.equal(ignored.stderr, '')
    })
  })

  describe('a dry run of the server', () => {
    let kubectl: Kubectl
    before(async () => {
      kubectl = await inNewNamespace(surface, `dry-${surface.suffix}`)
      await kubectl('create', 'deployment', 'd', '--image=none:1', '--replicas=0')
      await kubectl('create', 'configmap', 'c', '--from-literal=k=v')
      await kubectl('rollout', 'restart', 'deployment/d')
      await kubectl('rollout', 'status', 'deployment/d', '--timeout=20s')
    })

    const commands: readonly (readonly [string, string])[] = [
      ['label configmap c a=b', 'configmap/c labeled (server dry run)'],
      ['annotate configmap c a=b', 'configmap/c annotate'],
      ['patch configmap c -p {"data":{"z":"1"}}', 'configmap/c patched'],
      ['delete configmap c', 'configmap "c" deleted'],
      ['run x --image=none:1', 'pod/x created (server dry run)'],
      ['create namespace dry-run-only', 'namespace/dry-run-only created (server dry run)'],
      ['create quota q --hard=pods=1', 'resourcequota/q created (server dry run)'],
      ['scale deployment d --replicas=2', 'deployment.apps/d scaled'],
      ['autoscale deployment d --max=2', 'horizontalpodautoscaler.autoscaling/d autoscaled (server dry run)'],
      ['expose deployment d --port=80', 'service/d exposed (server dry run)'],
      ['set image deployment/d *=none:2', 'deployment.apps/d image updated (server dry run)'],
      ['set env deployment/d A=b', 'deployment.apps/d env updated (server dry run)'],
      ['set resources deployment d --limits=cpu=1', 'deployment.apps/d resource requirements updated (server dry run)'],
      ['set serviceaccount deployment d sa', 'deployment.apps/d serviceaccount updated (server dry run)'],
      ['rollout undo deployment/d', 'deployment.apps/d rolled back (server dry run)'],
      ['delete deployment d', 'deployment.apps "d" deleted'],
    ]
    for (const [command, says] of commands) {
      it(`of ${command.split(' ').slice(0, 2).join(' ')} changes nothing`, async () => {
        const version = (): Promise<string> =>
          kubectl('get', 'deployment/d', 'configmap/c', '-o', 'jsonpath={.items[*].metadata.resourceVersion}')
        const before = await version()
        const said = await kubectl(...command.split(' '), '--dry-run=server')
        assert.ok(said.startsWith(says), said)
        assert.equal(await version(), before)
      })
    }

    it('shows what would be, defaults and all', async () => {
      const patch = ['patch', 'configmap', 'c', '-p={"data":{"z":"1"}}', '--dry-run=server', '-o', 'jsonpath={.data}']
      assert.equal(await kubectl(...patch), '{"k":"v","z":"1"}')
      const made = await kubectl('create', 'deployment', 'e', '--image=none:1', '--dry-run=server', '-o', 'yaml')
      assert.match(made, /^ {2}progressDeadlineSeconds: 600$/m)
      const taken = await kubectl.run(['create', 'configmap', 'c', '--dry-run=server'])
      assert.match(taken.stderr, /configmaps "c" already exists/)
      const invalid = await kubectl.run(['scale', 'deployment', 'd', '--replicas=-3', '--dry-run=server'])
      assert.equal(invalid.code, 1)
      const input = await kubectl('get', 'configmap', 'c', '-o', 'yaml')
      const replaced = await kubectl.withInput(input, 'replace', '--dry-run=server', '-f', '-')
      assert.equal(replaced, 'configmap/c replaced (server dry run)\n')
    })
  })
}
