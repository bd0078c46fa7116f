/** Volumes that are attached to the Nodes whose Pods need them; the test is the CSI driver's attacher and the kubelet. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isReason } from '../../../api/meta/status-error.ts'
import {
  events,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../../api/resources.ts'
import type { VolumeAttachment } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'attachments'
const driver = 'disk.example.com'
const uniqueName = `kubernetes.io/csi/${driver}^handle-1`

export const describeAttachments = (running: Running): void => {
  describe('a volume', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
      for (const name of ['attach-a', 'attach-b']) {
        const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' }
        await client.create(nodes, { metadata: { name, annotations } })
      }
      await client.create(persistentVolumes, {
        metadata: { name: 'disk-1' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: '',
          csi: { driver, volumeHandle: 'handle-1' },
        },
      })
      await client.create(persistentVolumeClaims, {
        metadata: { name: 'data', namespace },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Gi' } } },
      })
    })

    const createPod = (name: string, nodeName: string) =>
      client.create(pods, {
        metadata: { name, namespace },
        spec: {
          nodeName,
          containers: [{ name: 'c', image: 'none:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      })
    const attachmentOf = (node: string): Promise<VolumeAttachment> =>
      waitFor(async () => (await client.list(volumeAttachments)).items.find(({ spec }) => spec?.nodeName === node), {
        what: `the attachment to ${node}`,
      })
    const attachedTo = async (node: string): Promise<string[]> =>
      ((await client.get(nodes, node)).status?.volumesAttached ?? []).map(({ name }) => name)
    const setInUse = (node: string, volumesInUse: string[] | null) =>
      client.patch(nodes, node, undefined, { status: { volumesInUse } }, { type: 'merge', subresource: 'status' })
    const hasEvent = (reason: string, text: string): Promise<boolean> =>
      client
        .list(events, { namespace })
        .then(({ items }) => items.some((event) => event.reason === reason && event.message?.includes(text)))

    it('gets an attachment, and is told to the kubelet once the driver has attached it', async () => {
      await createPod('first', 'attach-a')
      const attachment = await attachmentOf('attach-a')
      assert.match(attachment.metadata?.name ?? '', /^csi-[0-9a-f]{64}$/)
      assert.deepEqual(attachment.spec, {
        attacher: driver,
        nodeName: 'attach-a',
        source: { persistentVolumeName: 'disk-1' },
      })
      assert.deepEqual(await attachedTo('attach-a'), [])
      const body = { status: { attached: true } }
      const options = { type: 'merge', subresource: 'status' } as const
      await client.patch(volumeAttachments, attachment.metadata?.name ?? '', undefined, body, options)
      await waitFor(async () => (await attachedTo('attach-a')).includes(uniqueName), { what: 'volumesAttached' })
      await waitFor(() => hasEvent('SuccessfulAttachVolume', 'disk-1'), { what: 'the event' })
      await setInUse('attach-a', [uniqueName])
    })

    it('is refused to another Node as long as the first has it', async () => {
      await createPod('second', 'attach-b')
      await waitFor(() => hasEvent('FailedAttachVolume', 'Volume is already used by pod(s) first'), {
        what: 'the Multi-Attach error',
      })
    })

    it('is detached once no Pod needs it and the Node has let it go, and then goes to who waits', async () => {
      const attachment = await attachmentOf('attach-a')
      await client.delete(pods, 'first', namespace, { gracePeriodSeconds: 0 })
      // Its Node has it mounted: until that is over nothing may happen, whatever else changes there.
      await client.patch(
        nodes,
        'attach-a',
        undefined,
        { spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } },
        { type: 'merge' },
      )
      await createPod('third', 'attach-b')
      assert.deepEqual(await attachedTo('attach-a'), [uniqueName])
      await setInUse('attach-a', null)
      const isGone = () =>
        client.get(volumeAttachments, attachment.metadata?.name ?? '').then(
          () => false,
          (error: unknown) => isReason(error, 'NotFound'),
        )
      await waitFor(isGone, { what: 'the detachment' })
      assert.deepEqual(await attachedTo('attach-a'), [])
      await attachmentOf('attach-b')
    })
  })
}
