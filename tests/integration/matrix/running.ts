/** What every part of the matrix asks with. */
import { Agent } from 'node:https'
import { startCluster, type TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { createProtobufClient, type ProtobufClient } from '../../harness/protobuf.ts'

export interface Matrix extends AsyncDisposable {
  readonly cluster: TestCluster
  /** The administrator, on connections that are kept. */
  readonly http: Http
  readonly protobuf: ProtobufClient
}

/** The matrix of the running test; there is none before the first test. */
export type RunningMatrix = () => Matrix

/** A control plane in which no controller touches what the tests make, but for the one that gives Pods an account. */
export const startMatrix = async (): Promise<Matrix> => {
  const cluster = await startCluster({
    extraArgs: { 'kube-controller-manager': { controllers: 'serviceaccount-controller' } },
  })
  const agent = new Agent({ keepAlive: true })
  return {
    cluster,
    http: createHttp(cluster, pkiCredentials(cluster, 'admin'), agent),
    protobuf: createProtobufClient(cluster),
    [Symbol.asyncDispose]: async () => {
      agent.destroy()
      await cluster[Symbol.asyncDispose]()
    },
  }
}
