/** What the tests of aggregation share: a cluster and the extension server behind it. */
import type { APIService } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import type { ExtensionServer } from '../../harness/extension-server/start.ts'
import { waitFor } from '../../harness/wait.ts'

export interface World {
  readonly cluster: TestCluster
  readonly extension: ExtensionServer
  /** Where extension servers may listen. */
  readonly host: string
}

type Condition = { readonly status: string; readonly reason?: string; readonly message?: string }

/** The condition Available. */
export const availabilityOf = async ({ kubectl }: TestCluster, name: string): Promise<Condition | undefined> => {
  const { status } = await kubectl.json<APIService>('get', 'apiservice', name)
  return status?.conditions?.find(({ type }) => type === 'Available')
}

/** Waits for the reason of the condition; its message. */
export const whenReason = (cluster: TestCluster, name: string, reason: string): Promise<string> =>
  waitFor(
    async () => {
      const condition = await availabilityOf(cluster, name)
      return condition?.reason === reason ? (condition.message ?? '') : undefined
    },
    { what: `${name} to be ${reason}` },
  )

/** Creates what leads to the server, and waits until it is available. */
export const register = async (cluster: TestCluster, { objects, version, group }: ExtensionServer): Promise<void> => {
  const items = { apiVersion: 'v1', kind: 'List', items: objects }
  await cluster.kubectl.withInput(JSON.stringify(items), 'apply', '-f', '-')
  await whenReason(cluster, `${version}.${group}`, 'Passed')
}
