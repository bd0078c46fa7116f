/** `kubectl cordon`, `drain`, `taint` and `describe` on a Node that is an object alone. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Node } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { inNewNamespace, type Surface } from './surface.ts'

const nodeOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/os': 'linux', 'node-role.kubernetes.io/worker': '' } },
  // No scheduler is to place anything here: nobody would run it.
  spec: { taints: [{ key: 'nobody', effect: 'NoSchedule' }] },
  status: {
    capacity: { cpu: '4', memory: '8Gi', pods: '10' },
    allocatable: { cpu: '3900m', memory: '7Gi', pods: '10' },
    addresses: [{ type: 'InternalIP', address: '203.0.113.77' }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'all is well' }],
    nodeInfo: { kubeletVersion: 'v1.36.0', osImage: 'Debian', containerRuntimeVersion: 'docker://1' },
  },
})

export const describeNodes = (surface: Surface): void => {
  describe('nodes', () => {
    const name = `node-${surface.suffix}`
    let kubectl: Kubectl
    const node = (): Promise<Node> => kubectl.json<Node>('get', 'node', name)
    const run = (pod: string) => {
      const spec = { nodeName: name, terminationGracePeriodSeconds: 0 }
      return kubectl('run', pod, '--image=none:1', '--restart=Never', `--overrides=${JSON.stringify({ spec })}`)
    }

    before(async () => {
      kubectl = await inNewNamespace(surface, `nodes-${surface.suffix}`)
      await kubectl.withInput(JSON.stringify(nodeOf(name)), 'create', '-f', '-')
    })

    it('are told in a table', async () => {
      const wide = await kubectl('get', 'node', name, '-o', 'wide')
      assert.match(wide, /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +/)
      assert.match(wide, / Ready +worker +\d+s +v1\.36\.0 +203\.0\.113\.77 +<none> +Debian /)
    })

    it('are cordoned and uncordoned', async () => {
      assert.equal(await kubectl('cordon', name), `node/${name} cordoned\n`)
      assert.equal(await kubectl('cordon', name), `node/${name} already cordoned\n`)
      assert.match(await kubectl('get', 'node', name), /Ready,SchedulingDisabled/)
      assert.equal((await node()).spec?.unschedulable, true)
      assert.equal(await kubectl('uncordon', name), `node/${name} uncordoned\n`)
      assert.equal((await node()).spec?.unschedulable, undefined)
    })

    it('are tainted and untainted', async () => {
      const taints = async () => (await node()).spec?.taints?.filter(({ key }) => key === 'a' || key === 'b')
      assert.equal(await kubectl('taint', 'node', name, 'a=b:NoSchedule', 'b:NoExecute'), `node/${name} tainted\n`)
      assert.deepEqual((await taints())?.map(({ key, value, effect }) => `${key}=${value ?? ''}:${effect}`).sort(), [
        'a=b:NoSchedule',
        'b=:NoExecute',
      ])
      const again = await kubectl.run(['taint', 'node', name, 'a=c:NoSchedule'])
      assert.match(again.stderr, /already has a(?: |\w)*taint\(s\) with same effect\(s\) and --overwrite is false/)
      assert.equal(await kubectl('taint', 'node', name, 'a=c:NoSchedule', '--overwrite'), `node/${name} modified\n`)
      assert.equal(await kubectl('taint', 'node', name, 'a-', 'b:NoExecute-'), `node/${name} untainted\n`)
      assert.equal((await taints())?.length ?? 0, 0)
    })

    it('are described with their Pods', async () => {
      await run('described')
      const text = await kubectl('describe', 'node', name)
      for (const line of [
        /^Roles: +worker$/m,
        /^Unschedulable: +false$/m,
        /^ {2}Ready +True .* KubeletReady +all is well$/m,
        /^ {2}InternalIP: +203\.0\.113\.77$/m,
        /^ {2}memory: +7Gi$/m,
        /^Non-terminated Pods: +\(1 in total\)$/m,
        /^ {2}nodes-\S+ +described +0 \(0%\) /m,
        /RegisteredNode|Starting|<none>/,
      ]) {
        assert.match(text, line)
      }
      await kubectl('delete', 'pod', 'described', '--force', '--grace-period=0')
    })

    it('are drained: told what stands in the way, tried, and done', async () => {
      await run('victim')
      const refused = await kubectl.run(['drain', name])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /Pods (that )?declare no controller \(use --force to override\)/)
      const dry = await kubectl.run(['drain', name, '--force', '--dry-run=server'])
      assert.equal(dry.code, 0, dry.stderr)
      assert.match(dry.stdout, /evicting pod nodes-\S+\/victim \(server dry run\)/)
      assert.equal(await kubectl('get', 'pods', '-o', 'name'), 'pod/victim\n')
      await kubectl.withInput(
        JSON.stringify({
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'never' },
          spec: { minAvailable: 1, selector: { matchLabels: { run: 'victim' } } },
        }),
        'create',
        '-f',
        '-',
      )
      // A Pod that does not run yet would be let go.
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
      await kubectl(
        'patch',
        'pod',
        'victim',
        '--subresource=status',
        '--type=merge',
        `-p=${JSON.stringify({ status })}`,
      )
      const held = await kubectl.run(['drain', name, '--force', '--timeout=1s'])
      assert.equal(held.code, 1)
      assert.match(
        held.stderr,
        /Cannot evict pod as it would violate the pod's disruption budget|global timeout reached/,
      )
      await kubectl('delete', 'pdb', 'never')
      const done = await kubectl.run(['drain', name, '--force', '--grace-period=0', '--timeout=20s'])
      assert.equal(done.code, 0, done.stderr)
      assert.match(done.stdout, new RegExp(`pod/victim evicted\nnode/${name} drained\n`))
      assert.equal(await kubectl('get', 'pods', '-o', 'name'), '')
      assert.equal(await kubectl('delete', 'node', name), `node "${name}" deleted\n`)
    })
  })
}
