/**
 * ConfigMaps and Secrets of the Pods of this node, each watched by itself while a Pod refers to it: the Node authorizer
 * allows no more. Upstream: pkg/kubelet/util/manager/watch_based_manager.go.
 */
import {
  configMaps,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  resourceClaims,
  type ResourceRef,
  secrets,
  services,
} from '../../api/resources.ts'
import type { ConfigMap, KubeObject, PodSpec, Secret } from '../../api/types.ts'
import { createInformer, type Informer, type InformerFactory } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { ConfigError, type ObjectSource, orUndefined } from './objects.ts'

export interface ApiObjectsDeps {
  readonly client: RestClient
  readonly factory: InformerFactory
  readonly nodeName: string
  /** An object that this Pod refers to has changed. */
  readonly onChange: (podUid: string) => void
  readonly log: Logger
  readonly signal: AbortSignal
}

export interface ApiObjects extends ObjectSource {
  /** Watches what the Pod refers to, and no longer what only its older form did. */
  register(pod: BoundPod): void
  unregister(podUid: string): void
}

type Kind = 'configmap' | 'secret'

const syncTimeoutMs = 10_000

/** `kind/name` of everything that the spec refers to. */
export const referencedObjects = (spec: PodSpec): Set<string> => {
  const found = new Set<string>()
  const add = (kind: Kind, name: string | undefined): void => {
    if (name !== undefined && name !== '') found.add(`${kind}/${name}`)
  }
  for (const { env = [], envFrom = [] } of [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    for (const { valueFrom } of env) {
      add('configmap', valueFrom?.configMapKeyRef?.name)
      add('secret', valueFrom?.secretKeyRef?.name)
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add('configmap', configMapRef?.name)
      add('secret', secretRef?.name)
    }
  }
  for (const volume of spec.volumes ?? []) {
    add('configmap', volume.configMap?.name)
    add('secret', volume.secret?.secretName)
    for (const source of volume.projected?.sources ?? []) {
      add('configmap', source.configMap?.name)
      add('secret', source.secret?.name)
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add('secret', name)
  return found
}

interface Watched {
  readonly informer: Informer<KubeObject>
  readonly stop: AbortController
  readonly pods: Set<string>
}

export const createApiObjects = (deps: ApiObjectsDeps): ApiObjects => {
  const { client, factory, nodeName, onChange, log, signal } = deps
  const watched = new Map<string, Watched>()
  const serviceInformer = factory.for(services)
  const nodeInformer = factory.for(nodes, { fieldSelector: `metadata.name=${nodeName}` })
  const refs = { configmap: configMaps, secret: secrets } as unknown as Record<Kind, ResourceRef<KubeObject>>

  const watch = (kind: Kind, namespace: string, name: string): Watched => {
    const key = `${kind}/${namespace}/${name}`
    const present = watched.get(key)
    if (present !== undefined) return present
    const stop = new AbortController()
    const informer = createInformer(client, refs[kind], { namespace, fieldSelector: `metadata.name=${name}`, log })
    const entry: Watched = { informer, stop, pods: new Set() }
    const tell = (): void => {
      for (const uid of entry.pods) onChange(uid)
    }
    informer.addHandler({ onAdd: tell, onUpdate: tell, onDelete: tell })
    informer.start(AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
      if (!stop.signal.aborted && !signal.aborted) log.warn({ err: error, key }, 'watch ended')
    })
    watched.set(key, entry)
    return entry
  }

  const release = (podUid: string, keep: ReadonlySet<string>): void => {
    for (const [key, entry] of watched) {
      if (keep.has(key) || !entry.pods.delete(podUid) || entry.pods.size > 0) continue
      entry.stop.abort()
      watched.delete(key)
    }
  }

  const read = async (kind: Kind, namespace: string, name: string): Promise<KubeObject | undefined> => {
    const { informer } = watch(kind, namespace, name)
    if (!informer.hasSynced()) {
      try {
        await informer.whenSynced(AbortSignal.timeout(syncTimeoutMs))
      } catch {
        throw new ConfigError(`failed to sync ${kind} cache: timed out waiting for the condition`)
      }
    }
    return informer.lister.get(`${namespace}/${name}`)
  }

  return {
    configMap: async (namespace, name) => (await read('configmap', namespace, name)) as ConfigMap | undefined,
    secret: async (namespace, name) => (await read('secret', namespace, name)) as Secret | undefined,
    claim: (namespace, name) => orUndefined(client.get(persistentVolumeClaims, name, namespace)),
    persistentVolume: (name) => orUndefined(client.get(persistentVolumes, name)),
    resourceClaim: (namespace, name) => orUndefined(client.get(resourceClaims, name, namespace)),
    services: async () => {
      if (!serviceInformer.hasSynced()) {
        // A Pod that starts without its Services' variables would keep the lack for life.
        await serviceInformer.whenSynced(AbortSignal.timeout(syncTimeoutMs)).catch(() => {
          throw new ConfigError('services have not yet been read at least once, cannot construct envvars')
        })
      }
      return serviceInformer.lister.list()
    },
    node: () => nodeInformer.lister.get(nodeName),
    register: (pod) => {
      const { uid, namespace } = pod.metadata
      const keep = new Set<string>()
      for (const reference of referencedObjects(pod.spec)) {
        const [kind = '', name = ''] = reference.split('/')
        keep.add(`${kind}/${namespace}/${name}`)
        watch(kind as Kind, namespace, name).pods.add(uid)
      }
      release(uid, keep)
    },
    unregister: (podUid) => release(podUid, new Set()),
  }
}
