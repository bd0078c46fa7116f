/** Claims that come and go with their Pod. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { events, persistentVolumeClaims, pods } from '../../../api/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'
import { makeNamespace } from '../api-machinery/fixtures.ts'

const namespace = 'ephemeral'
const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }

export const describeEphemeralVolumes = (running: Running): void => {
  describe('an ephemeral volume', () => {
    let client: RestClient
    before(async () => {
      client = running().client
      await makeNamespace(client, namespace)
    })

    const createPod = (name: string): Promise<Pod> =>
      client.create(pods, {
        metadata: { name, namespace },
        spec: {
          schedulerName: 'nobody',
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'none:1' }],
          volumes: [
            { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { of: name } }, spec } } },
          ],
        },
      })
    const claimOf = (pod: string): Promise<PersistentVolumeClaim> =>
      waitFor(() => client.get(persistentVolumeClaims, `${pod}-scratch`, namespace).catch(() => undefined), {
        what: `the claim of ${pod}`,
      })

    it('gets a claim of its Pod, which goes with it', async () => {
      const pod = await createPod('one')
      const claim = await claimOf('one')
      assert.equal(claim.metadata?.labels?.['of'], 'one')
      assert.equal(claim.spec?.resources?.requests?.['storage'], '1Gi')
      const [owner] = claim.metadata?.ownerReferences ?? []
      assert.deepEqual(owner, {
        apiVersion: 'v1',
        kind: 'Pod',
        name: 'one',
        uid: pod.metadata?.uid,
        controller: true,
        blockOwnerDeletion: true,
      })
      await client.delete(pods, 'one', namespace)
      await waitFor(
        () =>
          client.get(persistentVolumeClaims, 'one-scratch', namespace).then(
            () => undefined,
            () => true,
          ),
        {
          what: 'the claim to go',
        },
      )
    })

    it('gets its claim again when somebody deletes it', async () => {
      await createPod('again')
      const first = await claimOf('again')
      await client.delete(persistentVolumeClaims, 'again-scratch', namespace)
      await waitFor(
        async () => {
          const claim = await client.get(persistentVolumeClaims, 'again-scratch', namespace).catch(() => undefined)
          return claim !== undefined && claim.metadata?.uid !== first.metadata?.uid
        },
        { what: 'another claim' },
      )
    })

    it("does not take somebody else's claim", async () => {
      await client.create(persistentVolumeClaims, { metadata: { name: 'thief-scratch', namespace }, spec })
      await createPod('thief')
      const { message } = await waitFor(
        async () => {
          const { items } = await client.list(events, { namespace, fieldSelector: 'reason=FailedBinding' })
          return items.find(({ involvedObject }) => involvedObject.name === 'thief')
        },
        { what: 'the event' },
      )
      assert.equal(
        message,
        'ephemeral volume scratch: PVC ephemeral/thief-scratch was not created for pod ephemeral/thief (pod is not owner)',
      )
    })
  })
}
