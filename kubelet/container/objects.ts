/** Where containers and volumes get ConfigMaps, Secrets and Services from. */
import type { ConfigMap, Node, PersistentVolume, PersistentVolumeClaim, Secret, Service } from '../../api/types.ts'

export interface ObjectSource {
  /** Undefined when it does not exist; rejects when that cannot be known. */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>
  persistentVolume(name: string): Promise<PersistentVolume | undefined>
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
  services: () => Promise.resolve([]),
  node: () => undefined,
}

/** Text of a ConfigMap's or Secret's keys; binary values as they are. */
export const configMapEntries = ({ data, binaryData }: ConfigMap): Map<string, Buffer> =>
  new Map([
    ...Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ])

export const secretEntries = ({ data }: Secret): Map<string, Buffer> =>
  new Map(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const))
