/** The Lease by which an API server is known to be alive. */
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { describe, it } from 'node:test'
import { leases } from '../../../api/resources.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { waitFor } from '../../harness/wait.ts'

export const describeIdentityLease = (running: Running): void => {
  describe('the identity of the API server', () => {
    it('is a Lease in kube-system that it renews', async () => {
      const { client } = running()
      const labelSelector = 'apiserver.kubernetes.io/identity=kube-apiserver'
      const read = async () => (await client.list(leases, { namespace: 'kube-system', labelSelector })).items
      const [lease, ...others] = await read()
      assert.equal(others.length, 0)
      assert.match(lease?.metadata?.name ?? '', /^apiserver-[a-z2-7]{26}$/)
      assert.equal(lease?.metadata?.labels?.['kubernetes.io/hostname'], hostname())
      assert.equal(lease?.spec?.leaseDurationSeconds, 3600)
      assert.match(lease?.spec?.holderIdentity ?? '', new RegExp(`^${lease?.metadata?.name}_`))
      await waitFor(async () => (await read())[0]?.spec?.renewTime !== lease?.spec?.renewTime, { what: 'a renewal' })
    })
  })
}
