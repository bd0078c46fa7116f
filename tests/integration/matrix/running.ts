/** What every part of the matrix asks with. */
import { Agent } from 'node:https'
import { after } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { createProtobufClient, type ProtobufClient } from '../../harness/protobuf.ts'
import { useCluster } from '../../harness/use-cluster.ts'

export interface Matrix {
  readonly cluster: TestCluster
  /** The administrator, on connections that are kept. */
  readonly http: Http
  readonly protobuf: ProtobufClient
}

/** The matrix of the running test; throws where no test runs yet. */
export type RunningMatrix = () => Matrix

/** No controller touches what the tests make, but for the one that gives Pods an account: not the server's own either. */
const options = {
  extraArgs: {
    'kube-apiserver': { 'enable-priority-and-fairness': 'false' },
    'kube-controller-manager': { controllers: 'serviceaccount-controller' },
  },
}

/** A control plane for all tests of the file. */
export const useMatrix = (): RunningMatrix => {
  const agent = new Agent({ keepAlive: true })
  let matrix: Matrix | undefined
  useCluster(options, (cluster) => {
    const http = createHttp(cluster, pkiCredentials(cluster, 'admin'), agent)
    matrix = { cluster, http, protobuf: createProtobufClient(cluster) }
  })
  after(() => agent.destroy())
  return () => {
    if (matrix === undefined) throw new Error('the cluster has not started')
    return matrix
  }
}
