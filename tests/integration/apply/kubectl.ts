/** kubectl, the oldest and the newest, with everything that has to do with field managers. */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { describe, it } from 'node:test'
import { dump } from 'js-yaml'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { type Kubectl, oldestAndNewest } from '../../harness/kubectl.ts'
import { deployment } from './fixtures.ts'

const managersOf = async (kubectl: Kubectl, ...args: readonly string[]): Promise<string[]> => {
  const object = await kubectl.json<KubeObject>('get', ...args, '--show-managed-fields')
  return (object.metadata?.managedFields ?? []).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource === undefined ? [] : [subresource])].join(' '),
  )
}

const script = async (kubectl: Kubectl, name: string): Promise<void> => {
  const manifest = (replicas: number, image = 'a') => dump(deployment(name, { replicas, paused: true }, { image }))
  const apply = (text: string, ...args: readonly string[]) =>
    kubectl.run(['apply', '--server-side', '-f', '-', ...args], { input: text })

  const first = await apply(manifest(0))
  assert.equal(first.stdout, `deployment.apps/${name} serverside-applied\n`, first.stderr)
  assert.deepEqual((await managersOf(kubectl, 'deployment', name))[0], 'kubectl Apply')
  assert.doesNotMatch(await kubectl('get', 'deployment', name, '-o', 'yaml'), /managedFields/)

  const diff = ['diff', '--server-side', '-f', '-']
  assert.equal((await kubectl.run(diff, { input: manifest(0) })).code, 0)
  const changes = await kubectl.run(diff, { input: manifest(0, 'b') })
  assert.equal(changes.code, 1, changes.stderr)
  assert.match(changes.stdout, /^\+\s+(- )?image: b$/m)

  const refused = await apply(manifest(0, 'b'), '--field-manager=other')
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /Apply failed with 1 conflict: conflict with "kubectl": \.spec\.template\.spec\.containers\[name="c"\]\.image/,
  )
  const forced = await apply(manifest(0, 'b'), '--field-manager=other', '--force-conflicts')
  assert.equal(forced.code, 0, forced.stderr)

  await kubectl('scale', 'deployment', name, '--replicas=1')
  await kubectl('label', 'deployment', name, 'l=1', '--field-manager=labeler')
  await kubectl('annotate', 'deployment', name, 'a=1')
  await kubectl.run(['edit', 'deployment', name], {
    env: { KUBE_EDITOR: `sed -i s/DeadlineSeconds:.600/DeadlineSeconds:\\ 601/` },
  })
  const names = await managersOf(kubectl, 'deployment', name)
  for (const wanted of [
    'kubectl Apply',
    'other Apply',
    `${basename(kubectl.binary)} Update scale`,
    'labeler Update',
    'kubectl-annotate Update',
    'kubectl-edit Update',
  ]) {
    assert.ok(names.includes(wanted), `${wanted} among ${names.join(', ')}`)
  }

  const plain = await kubectl.withInput(manifest(0), 'apply', '-f', '-')
  assert.match(plain, /configured/)
  assert.ok((await managersOf(kubectl, 'deployment', name)).includes('kubectl-client-side-apply Update'))
  await kubectl('delete', 'deployment', name)

  // From client-side apply to server-side apply: no conflict with one's former self.
  await kubectl.withInput(manifest(0), 'apply', '-f', '-')
  const upgraded = await apply(manifest(2, 'z'))
  assert.equal(upgraded.code, 0, upgraded.stderr)
  assert.equal(await kubectl('get', 'deployment', name, '-o', 'jsonpath={.spec.replicas}'), '2')
  await kubectl('delete', 'deployment', name)
}

export const describeKubectlApply = (cluster: () => TestCluster): void => {
  describe('kubectl', () => {
    for (const [index, binary] of oldestAndNewest().entries()) {
      it(`${binary.split('/').at(-1)} applies on the server`, () => script(cluster().kubectlOf(binary), `k${index}`))
    }
  })
}
