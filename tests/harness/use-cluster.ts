/** A cluster for all tests of one file. */
import { after, before } from 'node:test'
import { startCluster, type TestCluster, type TestClusterOptions } from './cluster.ts'

/** The cluster of the running test; throws where no test runs yet. */
export type Running = () => TestCluster

/**
 * Starts a cluster before the file's tests and disposes of it after them. `setUp` is for what else the file needs:
 * node runs the hooks of a file all at once, so another `before` would not wait for this one.
 */
export const useCluster = (
  options: TestClusterOptions = {},
  setUp: (cluster: TestCluster) => Promise<void> | void = () => undefined,
): Running => {
  let cluster: TestCluster | undefined
  before(
    async () => {
      cluster = await startCluster(options)
      await setUp(cluster)
    },
    { timeout: 180_000 },
  )
  after(
    async () => {
      await cluster?.[Symbol.asyncDispose]()
    },
    { timeout: 60_000 },
  )
  return () => {
    if (cluster === undefined) throw new Error('the cluster has not started')
    return cluster
  }
}
