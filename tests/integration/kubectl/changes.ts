/** The commands that change objects. */
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { ConfigMap, Deployment } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { inNewNamespace, type Surface } from './surface.ts'

const manifest = (color: string, extra = ''): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: applied, labels: {app: applied}}
data: {color: ${color}${extra}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: applied, labels: {app: applied}}
spec:
  replicas: 0
  selector: {matchLabels: {app: applied}}
  template:
    metadata: {labels: {app: applied}}
    spec:
      containers:
      - name: main
        image: none:1
        ports: [{containerPort: 80}]
        env: [{name: COLOR, value: ${color}}]
`

export const describeChanges = (surface: Surface): void => {
  describe('changes by', () => {
    let kubectl: Kubectl
    const deployment = (): Promise<Deployment> => kubectl.json<Deployment>('get', 'deployment', 'applied')
    const container = async () => (await deployment()).spec?.template.spec?.containers[0]
    const dataOf = async (): Promise<ConfigMap['data']> =>
      (await kubectl.json<ConfigMap>('get', 'configmap', 'applied')).data

    before(async () => {
      kubectl = await inNewNamespace(surface, `changes-${surface.suffix}`)
    })

    it('apply and diff: created, unchanged, configured, and fields that are no longer there', async () => {
      const before = await kubectl.run(['diff', '-f', '-'], { input: manifest('blue') })
      assert.equal(before.code, 1, before.stderr)
      assert.match(before.stdout, /^\+ {2}color: blue$/m)
      assert.match(
        await kubectl.withInput(manifest('blue', ', extra: x'), 'apply', '-f', '-'),
        /configmap\/applied created/,
      )
      assert.match(
        await kubectl.withInput(manifest('blue', ', extra: x'), 'apply', '-f', '-'),
        /configmap\/applied unchanged\ndeployment.apps\/applied unchanged/,
      )
      await kubectl('label', 'deployment', 'applied', 'foreign=yes')
      const diff = await kubectl.run(['diff', '-f', '-'], { input: manifest('red') })
      assert.equal(diff.code, 1, diff.stderr)
      assert.match(diff.stdout, /^- {2}color: blue$/m)
      assert.match(diff.stdout, /^\+ {2}color: red$/m)
      assert.match(await kubectl.withInput(manifest('red'), 'apply', '-f', '-'), /configmap\/applied configured/)
      assert.deepEqual(await dataOf(), { color: 'red' })
      assert.equal((await deployment()).metadata?.labels?.['foreign'], 'yes')
      assert.equal((await container())?.env?.[0]?.value, 'red')
      assert.equal((await kubectl.run(['diff', '-f', '-'], { input: manifest('red') })).code, 0)
      assert.match(await kubectl('apply', 'view-last-applied', 'configmap', 'applied'), /color: red/)
    })

    it('patches of each sort, also of a subresource', async () => {
      const patch = (type: string, body: object, ...args: string[]) =>
        kubectl('patch', 'deployment', 'applied', `--type=${type}`, `-p=${JSON.stringify(body)}`, ...args)
      const containers = [{ name: 'main', env: [{ name: 'MORE', value: '1' }] }]
      await patch('strategic', { spec: { template: { spec: { containers } } } })
      assert.deepEqual((await container())?.env?.map(({ name }) => name).sort(), ['COLOR', 'MORE'])
      await patch('merge', { metadata: { labels: { foreign: null } } })
      assert.equal((await deployment()).metadata?.labels?.['foreign'], undefined)
      await patch('json', [{ op: 'remove', path: '/spec/template/spec/containers/0/env/0' }])
      assert.equal((await container())?.env?.length, 1)
      assert.match(
        await patch('merge', { metadata: { labels: { app: 'applied' } } }),
        /deployment.apps\/applied patched \(no change\)/,
      )
      const failed = await kubectl.run([
        'patch',
        'deployment',
        'applied',
        '--type=json',
        '-p=[{"op":"test","path":"/spec/replicas","value":7}]',
      ])
      assert.match(
        failed.stderr,
        /the server rejected our request due to an error in our request|testing (path|value) \/spec\/replicas.*failed/i,
      )
      await patch('merge', { spec: { replicas: 1 } }, '--subresource=scale')
      assert.equal((await deployment()).spec?.replicas, 1)
      await kubectl('scale', 'deployment', 'applied', '--replicas=0', '--current-replicas=1')
    })

    it('label and annotate, guarded against overwriting', async () => {
      await kubectl('label', 'configmap', 'applied', 'tier=one')
      const { stderr } = await kubectl.run(['label', 'configmap', 'applied', 'tier=two'])
      assert.match(stderr, /'tier' already has a value \(one\), and --overwrite is false/)
      await kubectl('label', 'configmap', 'applied', 'tier=two', '--overwrite')
      await kubectl('annotate', 'configmap', '--all', 'note=a b')
      const { metadata } = await kubectl.json<ConfigMap>('get', 'configmap', 'applied')
      assert.equal(metadata?.labels?.['tier'], 'two')
      assert.equal(metadata.annotations?.['note'], 'a b')
      await kubectl('label', 'configmap', 'applied', 'tier-')
      const bad = await kubectl.run(['label', 'configmap', 'applied', 'tier=not valid'])
      assert.match(bad.stderr, /a valid label must be an empty string or consist of alphanumeric characters/)
    })

    it('set: image, env, resources, service account, selector, subject', async () => {
      await kubectl('set', 'image', 'deployment/applied', 'main=none:2')
      await kubectl('set', 'env', 'deployment/applied', 'A=1', '--from=configmap/applied')
      await kubectl('set', 'resources', 'deployment', 'applied', '--requests=cpu=100m', '--limits=memory=1Gi')
      await kubectl('set', 'serviceaccount', 'deployment', 'applied', 'default')
      const changed = await container()
      assert.equal(changed?.image, 'none:2')
      assert.equal(changed.resources?.limits?.['memory'], '1Gi')
      assert.ok(
        changed.env?.some(({ name, valueFrom }) => name === 'COLOR' && valueFrom?.configMapKeyRef !== undefined),
      )
      await kubectl('create', 'service', 'clusterip', 'picked', '--tcp=80')
      await kubectl('set', 'selector', 'service', 'picked', 'app=other')
      assert.equal(await kubectl('get', 'service', 'picked', '-o', 'jsonpath={.spec.selector}'), '{"app":"other"}')
      await kubectl('create', 'rolebinding', 'viewers', '--clusterrole=view', '--user=jane')
      await kubectl('set', 'subject', 'rolebinding', 'viewers', '--user=joe')
      assert.equal(await kubectl('get', 'rolebinding', 'viewers', '-o', 'jsonpath={.subjects[*].name}'), 'jane joe')
    })

    it('edit, with an editor that is a script', async () => {
      const editor = join(surface.running().layout.root, `editor-${surface.suffix}`)
      writeFileSync(editor, '#!/bin/sh\nsed -i "s/color: red/color: green/" "$1"\n')
      chmodSync(editor, 0o755)
      const edited = await kubectl.run(['edit', 'configmap', 'applied'], { env: { KUBE_EDITOR: editor } })
      assert.equal(edited.code, 0, edited.stderr)
      assert.deepEqual(await dataOf(), { color: 'green' })
      const unchanged = await kubectl.run(['edit', 'configmap', 'applied'], { env: { KUBE_EDITOR: 'true' } })
      assert.match(unchanged.stderr + unchanged.stdout, /Edit cancelled, no changes made/)
    })

    it('replace, in place and by force', async () => {
      const current = await kubectl.json<ConfigMap>('get', 'configmap', 'applied')
      await kubectl.withInput(JSON.stringify({ ...current, data: { color: 'black' } }), 'replace', '-f', '-')
      assert.deepEqual(await dataOf(), { color: 'black' })
      const stale = await kubectl.run(['replace', '-f', '-'], { input: JSON.stringify(current) })
      assert.match(stale.stderr, /Error from server \(Conflict\): .*the object has been modified/)
      const { resourceVersion: _, uid, ...metadata } = current.metadata ?? {}
      await kubectl.withInput(JSON.stringify({ ...current, metadata }), 'replace', '--force', '-f', '-')
      assert.notEqual((await kubectl.json<ConfigMap>('get', 'configmap', 'applied')).metadata?.uid, uid)
    })

    it('rollout: history, undo, pause, resume, restart', async () => {
      const { metadata: { generation = 0 } = {} } = await deployment()
      await waitFor(async () => ((await deployment()).status?.observedGeneration ?? 0) >= generation, {
        what: 'the controller',
      })
      assert.match(await kubectl('rollout', 'history', 'deployment/applied'), /REVISION +CHANGE-CAUSE\n1 /)
      await kubectl('rollout', 'undo', 'deployment/applied', '--to-revision=1')
      assert.equal((await container())?.image, 'none:1')
      await kubectl('rollout', 'pause', 'deployment/applied')
      const { stderr } = await kubectl.run(['rollout', 'restart', 'deployment/applied'])
      assert.match(stderr, /can't restart paused deployment/)
      await kubectl('rollout', 'resume', 'deployment/applied')
      await kubectl('rollout', 'restart', 'deployment/applied')
      assert.match(await kubectl('rollout', 'status', 'deployment/applied', '--timeout=20s'), /successfully rolled out/)
    })

    it('wait and delete, by file, by label, in the foreground', async () => {
      await kubectl('wait', 'deployment/applied', '--for=condition=Available', '--timeout=20s')
      await kubectl('wait', 'deployment/applied', '--for=jsonpath={.spec.replicas}=0', '--timeout=20s')
      assert.match(await kubectl('delete', 'configmap', '-l', 'app=applied'), /configmap "applied" deleted/)
      assert.match(
        await kubectl.withInput(manifest('x'), 'delete', '--ignore-not-found', '--cascade=foreground', '-f', '-'),
        /deployment.apps "applied" deleted/,
      )
      const gone = await kubectl.run(['wait', 'deployment/applied', '--for=delete', '--timeout=20s'])
      assert.ok(gone.code === 0 || /not found/.test(gone.stderr), gone.stderr)
      assert.match(
        (await kubectl.run(['delete', 'configmap', 'applied'])).stderr,
        /\(NotFound\): configmaps "applied" not found/,
      )
    })
  })
}
