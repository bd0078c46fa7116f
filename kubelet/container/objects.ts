/** Where containers and volumes get ConfigMaps, Secrets and Services from. */
import { isReason } from '../../api/meta/status-error.ts'
import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceClaim,
  Secret,
  Service,
} from '../../api/types.ts'

export interface ObjectSource {
  /** Undefined when it does not exist; rejects when that cannot be known. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>
  persistentVolume(name: string): Promise<PersistentVolume | undefined>
  resourceClaim(namespace: string, name: string): Promise<ResourceClaim | undefined>
  /** Services of the cluster; resolves when they are known. */
  services(): Promise<readonly Service[]>
  /** This node's object as last seen. */
  node(): Node | undefined
}

/** A setting of a container that cannot be satisfied now: CreateContainerConfigError, tried again. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** For kubelets without an API server: static Pods cannot refer to API objects. */
const standalone = (): Promise<never> => Promise.reject(new ConfigError('the kubelet runs without an API server'))

export const noObjects: ObjectSource = {
  configMap: standalone,
  secret: standalone,
  claim: standalone,
  persistentVolume: standalone,
  resourceClaim: standalone,
  services: () => Promise.resolve([]),
  node: () => undefined,
}

/** What does not exist is undefined; every other error stays one. */
export const orUndefined = async <T>(promise: Promise<T>): Promise<T | undefined> => {
  try {
    return await promise
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined
    throw error
  }
}

/** Text of a ConfigMap's or Secret's keys; binary values as they are. */
export const configMapEntries = ({ data, binaryData }: ConfigMap): Map<string, Buffer> =>
  new Map([
    ...Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ])

export const secretEntries = ({ data }: Secret): Map<string, Buffer> =>
  new Map(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const))
