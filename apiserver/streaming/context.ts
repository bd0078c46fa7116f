/**
 * What apiserver/streaming needs of the server: the request with its user and log, consistent reads of Pods, Nodes,
 * Services and Endpoints, and how to reach kubelets.
 */
import type { Duplex } from 'node:stream'
import type { Endpoints, Node, Pod, Service } from '../../api/types.ts'
import type { ConnectContext, ObjectReader, UpgradeContext } from '../server/context.ts'

export type { ConnectContext, UpgradeContext } from '../server/context.ts'
export type AnyConnectContext = ConnectContext | UpgradeContext

/** The bare connection of an upgrade request. */
export interface UpgradeSocket {
  readonly socket: Duplex
  readonly head: Buffer
}

const core = (resource: string) => ({ group: '', version: 'v1', resource })

/** The readers throw NotFound. */
export const getPod = async (reader: ObjectReader, namespace: string, name: string): Promise<Pod> =>
  (await reader.getObject(core('pods'), namespace, name)) as Pod
export const getNode = async (reader: ObjectReader, name: string): Promise<Node> =>
  (await reader.getObject(core('nodes'), '', name)) as Node
export const getService = async (reader: ObjectReader, namespace: string, name: string): Promise<Service> =>
  (await reader.getObject(core('services'), namespace, name)) as Service
export const getEndpoints = async (reader: ObjectReader, namespace: string, name: string): Promise<Endpoints> =>
  (await reader.getObject(core('endpoints'), namespace, name)) as Endpoints
