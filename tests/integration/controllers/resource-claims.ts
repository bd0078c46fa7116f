/** Claims of devices: made for Pods, reserved, given back, and taken away where devices are tainted. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isReason } from '../../../api/meta/status-error.ts'
import { nodes, pods, resourceClaims, resourceClaimTemplates, resourceSlices } from '../../../api/resources.ts'
import type { Pod, ResourceClaim } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'claims'
const finalizer = 'resource.kubernetes.io/delete-protection'
const spec = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } }

const gone = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound'),
  )

export const describeResourceClaims = (running: Running): void => {
  describe('a resource claim', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      await client.create(nodes, { metadata: { name: 'claims-node' } })
      await client.create(resourceClaimTemplates, {
        metadata: { name: 'one-gpu', namespace },
        spec: { metadata: { labels: { of: 'template' } }, spec },
      })
    })

    const createPod = (name: string, nodeName?: string): Promise<Pod> =>
      client.create(pods, {
        metadata: { name, namespace },
        spec: {
          schedulerName: 'nobody',
          ...(nodeName === undefined ? {} : { nodeName }),
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'none:1', resources: { claims: [{ name: 'gpu' }] } }],
          resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'one-gpu' }],
        },
      })
    const claimOf = async (name: string): Promise<ResourceClaim> => {
      const claimName = await waitFor(
        async () => (await client.get(pods, name, namespace)).status?.resourceClaimStatuses?.[0]?.resourceClaimName,
        { what: `the claim of ${name}` },
      )
      return client.get(resourceClaims, claimName, namespace)
    }
    /** What the scheduler does. */
    const allocate = async (claim: ResourceClaim): Promise<ResourceClaim> => {
      const finalizers = [finalizer]
      const kept = await client.update(resourceClaims, { ...claim, metadata: { ...claim.metadata, finalizers } })
      const results = [{ request: 'r', driver: 'gpu.example.com', pool: 'claims-node', device: 'gpu-0' }]
      const status = { allocation: { devices: { results } } }
      return client.update(resourceClaims, { ...kept, status }, { subresource: 'status' })
    }

    it('is made from its template, told to the Pod, and made again when somebody deletes it', async () => {
      const pod = await createPod('first')
      const claim = await claimOf('first')
      assert.match(claim.metadata?.name ?? '', /^first-gpu-/)
      assert.equal(claim.metadata?.labels?.['of'], 'template')
      assert.equal(claim.metadata?.annotations?.['resource.kubernetes.io/pod-claim-name'], 'gpu')
      assert.equal(claim.metadata?.ownerReferences?.[0]?.uid, pod.metadata?.uid)
      await client.delete(resourceClaims, claim.metadata?.name ?? '', namespace)
      const again = await waitFor(
        async () => {
          const found = await claimOf('first').catch(() => undefined)
          return found?.metadata?.uid === claim.metadata?.uid ? undefined : found
        },
        { what: 'another claim' },
      )
      assert.equal(again.metadata?.ownerReferences?.[0]?.uid, pod.metadata?.uid)
    })

    it('is reserved for a Pod that came to its Node by itself, and goes when the Pod has ended', async () => {
      const pod = await createPod('bound', 'claims-node')
      const claim = await claimOf('bound')
      const name = claim.metadata?.name ?? ''
      await allocate(claim)
      const reserved = await waitFor(
        async () => {
          const { status } = await client.get(resourceClaims, name, namespace)
          return (status?.reservedFor ?? []).length > 0 ? status : undefined
        },
        { what: 'the reservation' },
      )
      assert.deepEqual(reserved.reservedFor, [{ resource: 'pods', name: 'bound', uid: pod.metadata?.uid }])
      const body = { status: { phase: 'Succeeded' } }
      await client.patch(pods, 'bound', namespace, body, { type: 'merge', subresource: 'status' })
      await waitFor(() => gone(client.get(resourceClaims, name, namespace)), { what: 'the end of the claim' })
    })

    it('that is shared gives its devices back when its last Pod goes, and stays', async () => {
      const shared = await client.create(resourceClaims, { metadata: { name: 'shared', namespace }, spec })
      await allocate(shared)
      await client.create(pods, {
        metadata: { name: 'user', namespace },
        spec: {
          nodeName: 'claims-node',
          containers: [{ name: 'c', image: 'none:1' }],
          resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }],
        },
      })
      const read = () => client.get(resourceClaims, 'shared', namespace)
      await waitFor(async () => (await read()).status?.reservedFor?.length === 1, { what: 'the reservation' })
      await client.delete(pods, 'user', namespace, { gracePeriodSeconds: 0 })
      await waitFor(async () => (await read()).status?.allocation === undefined, { what: 'the end of the allocation' })
      await waitFor(async () => (await read()).metadata?.finalizers === undefined, { what: 'the end of the finalizer' })
    })

    it('takes its Pod with it when its device is tainted', async () => {
      const slice = await client.create(resourceSlices, {
        metadata: { name: 'gpus' },
        spec: {
          driver: 'gpu.example.com',
          nodeName: 'claims-node',
          pool: { name: 'claims-node', generation: 1, resourceSliceCount: 1 },
          devices: [{ name: 'gpu-0' }],
        },
      })
      await createPod('tainted', 'claims-node')
      const claim = await claimOf('tainted')
      await allocate(claim)
      const name = claim.metadata?.name ?? ''
      const isReserved = async () =>
        (await client.get(resourceClaims, name, namespace)).status?.reservedFor?.length === 1
      await waitFor(isReserved, { what: 'the reservation' })
      const devices = [{ name: 'gpu-0', taints: [{ key: 'broken', effect: 'NoExecute' }] }]
      await client.update(resourceSlices, { ...slice, spec: { ...slice.spec, devices } } as typeof slice)
      const evicted = async (): Promise<boolean> => {
        const pod = await client.get(pods, 'tainted', namespace).catch(() => undefined)
        const condition = pod?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
        return (
          pod === undefined ||
          (pod.metadata?.deletionTimestamp !== undefined && condition?.reason === 'DeletionByDeviceTaintManager')
        )
      }
      await waitFor(evicted, { what: 'the eviction' })
    })
  })
}
