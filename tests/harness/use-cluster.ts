/** A cluster for all tests of one file. */
import { after, before } from 'node:test'
import { startCluster, type TestCluster, type TestClusterOptions } from './cluster.ts'

/** The cluster of the running test; throws where no test runs yet. */
export type Running = () => TestCluster

/** Starts a cluster before the file's tests and disposes of it after them. */
export const useCluster = (options: TestClusterOptions = {}): Running => {
  let cluster: TestCluster | undefined
  before(
    async () => {
      cluster = await startCluster(options)
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
