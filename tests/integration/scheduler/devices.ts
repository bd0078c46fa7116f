/** Pods and devices: ResourceClaims, made by hand or from templates, allocated from ResourceSlices. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isReason } from '../../../api/meta/status-error.ts'
import {
  deviceClasses,
  pods as podsRef,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
} from '../../../api/resources.ts'
import type { Pod, ResourceClaim } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { makeHollowNode } from '../../harness/hollow-nodes.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'
import { isBound, isUnschedulable, podOf, podWhen, unschedulableMessage } from './fixtures.ts'

const namespace = 'devices'
const driver = 'gpu.example.com'

export const describeDevices = (running: Running): void => {
  describe('a Pod with devices', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      for (const name of ['dev-a', 'dev-b']) await makeHollowNode(client, name, { allocatable: { cpu: '4' } })
      await client.create(deviceClasses, {
        metadata: { name: 'gpu' },
        spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
      })
      await client.create(resourceClaimTemplates, {
        metadata: { name: 'one-gpu', namespace },
        spec: { spec: devices({}) },
      })
    })
    const devices = (exactly: object) => ({
      devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', ...exactly } }] },
    })
    const publish = (node: string, memory: readonly string[]) =>
      client.create(resourceSlices, {
        metadata: { name: `${node}-gpus` },
        spec: {
          driver,
          nodeName: node,
          pool: { name: node, generation: 1, resourceSliceCount: 1 },
          devices: memory.map((value, index) => ({ name: `gpu-${index}`, capacity: { memory: { value } } })),
        },
      })
    const makeClaim = (name: string, exactly: object = {}) =>
      client.create(resourceClaims, { metadata: { name, namespace }, spec: devices(exactly) })
    const usingClaim = (name: string, claim: string): Pod =>
      podOf(name, namespace, { resourceClaims: [{ name: 'gpu', resourceClaimName: claim }] })
    const usingTemplate = (name: string): Pod =>
      podOf(name, namespace, { resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'one-gpu' }] })
    const bound = (name: string) => podWhen(client, { name, namespace }, isBound)
    const waits = (name: string) => podWhen(client, { name, namespace }, isUnschedulable)
    const claimOf = (name: string): Promise<ResourceClaim> => client.get(resourceClaims, name, namespace)
    const resultsOf = ({ status }: ResourceClaim): string[] =>
      (status?.allocation?.devices?.results ?? []).map(({ pool, device }) => `${pool}/${device}`)

    it('waits for devices, and goes where they come to be', async () => {
      await makeClaim('big', {
        selectors: [{ cel: { expression: `device.capacity["${driver}"].memory.compareTo(quantity("20Gi")) >= 0` } }],
      })
      await client.create(podsRef, usingClaim('first', 'big'))
      assert.match(unschedulableMessage(await waits('first')) ?? '', /\d+ cannot allocate all claims/)
      await publish('dev-a', ['10Gi', '10Gi'])
      await publish('dev-b', ['10Gi', '40Gi'])
      const pod = await bound('first')
      assert.equal(pod.spec?.nodeName, 'dev-b')
      const claim = await claimOf('big')
      assert.deepEqual(resultsOf(claim), ['dev-b/gpu-1'])
      assert.deepEqual(claim.metadata?.finalizers, ['resource.kubernetes.io/delete-protection'])
      assert.deepEqual(claim.status?.reservedFor, [{ resource: 'pods', name: 'first', uid: pod.metadata?.uid }])
      assert.deepEqual(claim.status.allocation?.nodeSelector?.nodeSelectorTerms[0]?.matchFields, [
        { key: 'metadata.name', operator: 'In', values: ['dev-b'] },
      ])
    })

    it('shares its claim with others, on the same node', async () => {
      await client.create(podsRef, usingClaim('second', 'big'))
      assert.equal((await bound('second')).spec?.nodeName, 'dev-b')
      assert.equal((await claimOf('big')).status?.reservedFor?.length, 2)
    })

    it('has claims from a template, each device once, until there are none', async () => {
      const names = ['t0', 't1', 't2']
      for (const name of names) await client.create(podsRef, usingTemplate(name))
      const used: string[] = []
      for (const name of names) {
        const { status } = await bound(name)
        used.push(...resultsOf(await claimOf(status?.resourceClaimStatuses?.[0]?.resourceClaimName ?? '')))
      }
      assert.deepEqual(used.toSorted(), ['dev-a/gpu-0', 'dev-a/gpu-1', 'dev-b/gpu-0'])
      await client.create(podsRef, usingTemplate('t3'))
      await waits('t3')
      await client.delete(podsRef, 't0', namespace)
      await bound('t3')
    })

    it('gives the claim back when the last Pod is gone', async () => {
      for (const name of ['first', 'second']) await client.delete(podsRef, name, namespace)
      await waitFor(async () => (await claimOf('big')).status?.allocation === undefined, { what: 'the free claim' })
      await client.delete(resourceClaims, 'big', namespace)
      await waitFor(
        () =>
          claimOf('big').then(
            () => false,
            (error: unknown) => isReason(error, 'NotFound'),
          ),
        { what: 'the end of the claim' },
      )
    })
  })
}
