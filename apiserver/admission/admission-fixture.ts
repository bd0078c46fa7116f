/** For tests: all built-in resources on a store in memory, and requests that go through one plugin. */
import { kinds } from '../../api/kinds.ts'
import { realClock } from '../../component-base/clock.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { KubeObject } from '../../api/types.ts'
import { anonymousUser, type UserInfo } from '../authentication/user.ts'
import type { Resource } from '../registry/resource.ts'
import { Resources } from '../registry/resources.ts'
import { createRevisionReader } from '../storage/consistent-read.ts'
import { cloneJson } from '../storage/json.ts'
import { objectKey } from '../storage/keys.ts'
import { createLeasePool } from '../storage/lease-pool.ts'
import { createMemoryKeyValue } from '../storage/memory-key-value.ts'
import { EventHub } from '../storage/watch-cache/event-hub.ts'
import type { AdmissionAttributes, AdmissionPlugin, Operation } from './admission.ts'

export interface TestRequest {
  readonly operation?: Operation
  /** `pods`, `deployments.apps`, `pods/resize`. */
  readonly resource: string
  readonly object?: KubeObject
  readonly oldObject?: KubeObject
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string }
  readonly namespace?: string
  readonly name?: string
  readonly user?: Partial<UserInfo>
  readonly dryRun?: boolean
}

export interface Admitted {
  /** As mutating admission left it. */
  readonly object: KubeObject | undefined
  readonly warnings: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
}

export interface AdmissionFixture extends Disposable {
  readonly resources: Resources
  /** `namespaces`, `deployments.apps`: a resource in the first version that serves it. */
  readonly resource: (name: string) => Resource
  readonly put: (resource: string, object: KubeObject) => Promise<void>
  /** Runs a request through a plugin, both phases. Rejects with what it refuses. */
  readonly admit: (plugin: AdmissionPlugin, request: TestRequest) => Promise<Admitted>
  /** The message of what refuses the request; '' if nothing does. */
  readonly refusal: (plugin: AdmissionPlugin, request: TestRequest) => Promise<string>
}

const split = (text: string): { resource: string; group: string; subresource: string } => {
  const [full = '', subresource = ''] = text.split('/')
  const [resource = '', ...group] = full.split('.')
  return { resource, group: group.join('.'), subresource }
}

/** Starts the store; its disposal ends it. */
export const createAdmissionFixture = async (): Promise<AdmissionFixture> => {
  const store = createMemoryKeyValue()
  const hub = new EventHub(store, '/registry', createLogger('test'))
  const stop = new AbortController()
  await hub.start(stop.signal)
  const deps = {
    store,
    hub,
    leases: createLeasePool(() => Promise.resolve('1'), realClock),
    currentRevision: createRevisionReader(() => store.currentRevision()),
  }
  const resources = new Resources({ root: '/registry', eventTtlSeconds: 3600, deps })
  for (const kind of kinds) resources.add(kind)
  const resource = (name: string): Resource => {
    const wanted = split(name)
    const found = resources.findAnyVersion(wanted.group, wanted.resource)
    if (found === undefined) throw new Error(`no resource ${name}`)
    return found
  }
  const admit = async (plugin: AdmissionPlugin, request: TestRequest): Promise<Admitted> => {
    const { definition } = resource(request.resource)
    const { subresource } = split(request.resource)
    const object = request.object === undefined ? undefined : cloneJson(request.object)
    const { metadata } = object ?? request.oldObject ?? {}
    const warnings: string[] = []
    const annotations: Record<string, string> = {}
    const operation = request.operation ?? 'CREATE'
    const attributes: AdmissionAttributes = {
      operation,
      group: definition.group,
      version: definition.version,
      resource: definition.plural,
      subresource,
      kind: request.kind ?? definition,
      namespace: request.namespace ?? (definition.kind === 'Namespace' ? metadata?.name : metadata?.namespace) ?? '',
      name: request.name ?? metadata?.name ?? '',
      object,
      oldObject: request.oldObject,
      user: { ...anonymousUser, ...request.user },
      dryRun: request.dryRun ?? false,
      warn: (text) => warnings.push(text),
      annotate: (key, value) => {
        annotations[key] ??= value
      },
    }
    if (plugin.operations.includes(operation)) {
      await plugin.admit?.(attributes)
      await plugin.validate?.(attributes)
    }
    return { object, warnings, annotations }
  }
  return {
    resources,
    resource,
    put: async (name, object) => {
      const { namespace = '', name: objectName = '' } = object.metadata ?? {}
      const stored = { ...object, metadata: { uid: `uid-of-${objectName}`, ...object.metadata } }
      const key = objectKey(namespace, objectName)
      await resource(name).store.update(key, () => ({ type: 'write', object: stored }))
    },
    admit,
    refusal: async (plugin, request) => {
      try {
        await admit(plugin, request)
        return ''
      } catch (error) {
        if (error instanceof StatusError) return error.message
        throw error
      }
    },
    [Symbol.dispose]: () => stop.abort(),
  }
}
