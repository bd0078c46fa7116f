/** Custom resources as any others: owners, quotas, roles. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { createKubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from './environment.ts'

const group = 'parts.example.com'
const namespace = 'parts'

const definition = (plural: string, kind: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural, singular: kind.toLowerCase(), kind },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer', maximum: 10 } } } },
          },
        },
      },
    ],
  },
})

export const describeCustomObjects = (running: () => Running): void => {
  describe('custom resources', () => {
    const put = (object: object) =>
      running().kubectl.run(['apply', '-n', namespace, '-f', '-'], { input: JSON.stringify(object) })
    const part = (kind: string, name: string, metadata: object = {}) => ({
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name, ...metadata },
      spec: { size: 1 },
    })
    const uidOf = async (type: string, name: string): Promise<string> =>
      running().kubectl('get', type, name, '-n', namespace, '-o', 'jsonpath={.metadata.uid}')
    const ownedBy = (kind: string, name: string, uid: string, more: object = {}) => ({
      ownerReferences: [{ apiVersion: `${group}/v1`, kind, name, uid, ...more }],
    })
    const exists = async (type: string, name: string): Promise<boolean> =>
      (await running().kubectl.run(['get', type, name, '-n', namespace])).code === 0

    before(async () => {
      const { environment, kubectl } = running()
      await environment.installCrds([definition('wheels', 'Wheel'), definition('cars', 'Car')])
      await kubectl('create', 'namespace', namespace)
    })

    it('go with their owner, custom or built-in, and hold it as long as they block', async () => {
      const { kubectl } = running()
      await put(part('Car', 'owner'))
      const uid = await uidOf('car', 'owner')
      await put(part('Wheel', 'front', ownedBy('Car', 'owner', uid, { blockOwnerDeletion: true })))
      await put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'manual', ...ownedBy('Car', 'owner', uid) } })
      await kubectl(
        'patch',
        'wheel',
        'front',
        '-n',
        namespace,
        '--type=merge',
        '-p',
        '{"metadata":{"finalizers":["example.com/hold"]}}',
      )
      await kubectl('delete', 'car', 'owner', '-n', namespace, '--cascade=foreground', '--wait=false')
      await waitFor(async () => !(await exists('configmap', 'manual')), { what: 'the ConfigMap to go' })
      assert.ok(await exists('car', 'owner'), 'the wheel holds it')
      await kubectl(
        'patch',
        'wheel',
        'front',
        '-n',
        namespace,
        '--type=merge',
        '-p',
        '{"metadata":{"finalizers":null}}',
      )
      await waitFor(async () => !(await exists('car', 'owner')) && !(await exists('wheel', 'front')), {
        what: 'both to go',
      })
    })

    it('are left alone when their owner orphans them', async () => {
      const { kubectl } = running()
      await put(part('Car', 'leaving'))
      await put(part('Wheel', 'staying', ownedBy('Car', 'leaving', await uidOf('car', 'leaving'))))
      await kubectl('delete', 'car', 'leaving', '-n', namespace, '--cascade=orphan')
      await waitFor(
        async () =>
          (await kubectl('get', 'wheel', 'staying', '-n', namespace, '-o', 'jsonpath={.metadata.ownerReferences}')) ===
          '',
        {
          what: 'the reference to go',
        },
      )
      assert.ok(await exists('wheel', 'staying'))
    })

    it('count for quotas, and cannot exceed them', async () => {
      const { kubectl } = running()
      const name = `count/wheels.${group}`
      await kubectl('create', 'quota', 'wheels', '-n', namespace, `--hard=${name}=3`)
      const used = (count: string) =>
        waitFor(
          async () => {
            const { status } = await kubectl.json<{ status?: { used?: Record<string, string> } }>(
              'get',
              'quota',
              'wheels',
              '-n',
              namespace,
            )
            return status?.used?.[name] === count
          },
          { what: `the quota to count ${count}` },
        )
      await used('1')
      const made = await Promise.all([1, 2, 3, 4].map((index) => put(part('Wheel', `counted-${index}`))))
      assert.equal(made.filter(({ code }) => code === 0).length, 2)
      assert.match(
        made.find(({ code }) => code !== 0)?.stderr ?? '',
        /exceeded quota: wheels, requested: count\/wheels\.parts\.example\.com=1, used: .*=3, limited: .*=3/,
      )
      await kubectl('delete', 'wheels', '--all', '-n', namespace)
      await used('0')
    })

    it('are what roles name: the resource, one object, a subresource, a verb', async () => {
      const { environment, kubectl } = running()
      const file = await environment.addUser({ name: 'driver' })
      const driver = createKubectl(file)
      await kubectl('create', 'role', 'driver', '-n', namespace, '--verb=get,list', `--resource=cars.${group}`)
      await kubectl(
        'create',
        'role',
        'mechanic',
        '-n',
        namespace,
        '--verb=delete',
        `--resource=cars.${group}`,
        '--resource-name=mine',
      )
      await kubectl('create', 'rolebinding', 'driver', '-n', namespace, '--role=driver', '--user=driver')
      await kubectl('create', 'rolebinding', 'mechanic', '-n', namespace, '--role=mechanic', '--user=driver')
      for (const name of ['mine', 'yours']) await put(part('Car', name))
      await waitFor(async () => (await driver.run(['get', 'cars', '-n', namespace])).code === 0, {
        what: 'the binding to count',
      })
      const refused = async (...args: string[]): Promise<string> =>
        (await driver.run([...args, '-n', namespace])).stderr
      assert.match(
        await refused('delete', 'car', 'yours'),
        /User "driver" cannot delete resource "cars" in API group "parts\.example\.com"/,
      )
      assert.match(await refused('get', 'wheels'), /cannot list resource "wheels"/)
      assert.match(await refused('label', 'car', 'mine', 'a=b'), /cannot patch resource "cars"/)
      await driver('delete', 'car', 'mine', '-n', namespace)
    })

    it('may stay as they are when their schema becomes stricter, until somebody changes what is wrong', async () => {
      const { kubectl } = running()
      assert.equal((await put({ ...part('Car', 'big'), spec: { size: 9 } })).code, 0)
      const at = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/maximum'
      const patch = JSON.stringify([{ op: 'replace', path: at, value: 5 }])
      await kubectl('patch', 'crd', `cars.${group}`, '--type=json', '-p', patch)
      await waitFor(
        async () =>
          /should be less than or equal to 5/.test((await put({ ...part('Car', 'other'), spec: { size: 8 } })).stderr),
        {
          what: 'the stricter schema',
        },
      )
      await kubectl('label', 'car', 'big', '-n', namespace, 'still=here')
      const change = ['patch', 'car', 'big', '-n', namespace, '--type=merge', '-p', '{"spec":{"size":7}}']
      assert.match(
        (await kubectl.run(change)).stderr,
        /spec\.size: Invalid value: 7: spec\.size in body should be less than or equal to 5/,
      )
    })

    it('are warned of, when it is a rule that they go on failing', async () => {
      const { kubectl } = running()
      const at = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations'
      const patch = JSON.stringify([{ op: 'add', path: at, value: [{ rule: 'self.size < 5', message: 'too big' }] }])
      assert.equal((await put({ ...part('Wheel', 'large'), spec: { size: 8 } })).code, 0)
      await kubectl('patch', 'crd', `wheels.${group}`, '--type=json', '-p', patch)
      await waitFor(async () => /too big/.test((await put({ ...part('Wheel', 'new'), spec: { size: 7 } })).stderr), {
        what: 'the new rule',
      })
      const { code, stderr } = await kubectl.run(['label', 'wheel', 'large', '-n', namespace, 'still=here'])
      assert.deepEqual([code, stderr], [0, 'Warning: spec: Invalid value: "object": too big\n'])
    })

    it('are deleted with their namespace', async () => {
      const { kubectl } = running()
      await kubectl('delete', 'namespace', namespace, '--timeout=20s')
      assert.equal(await kubectl('get', 'cars,wheels', '-A', '-o', 'name'), '')
    })
  })
}
