/** A container's environment. Upstream: makeEnvironmentVariables. */
import type { ConfigMap, Container, Secret } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import { expand } from './expansion.ts'
import { fieldValue, type PodAddresses, resourceValue } from './field-ref.ts'
import { ConfigError, configMapEntries, type ObjectSource, secretEntries } from './objects.ts'
import { serviceEnvironment } from './service-env.ts'

export interface EnvironmentRequest {
  readonly pod: BoundPod
  readonly container: Container
  readonly addresses: PodAddresses
  readonly objects: ObjectSource
  /** Values that a container reads from files of a volume (fileKeyRef); throws where it cannot. */
  readonly readFileKey?: (ref: {
    volumeName: string
    path: string
    key: string
    optional?: boolean
  }) => Promise<string | undefined>
}

/** Object names by kind that the container's environment refers to: fetched once each, at the same time. */
const fetcher = (objects: ObjectSource, namespace: string) => {
  const maps = new Map<string, Promise<ConfigMap | undefined>>()
  const secrets = new Map<string, Promise<Secret | undefined>>()
  const once = <T>(cache: Map<string, Promise<T>>, name: string, load: () => Promise<T>): Promise<T> => {
    const present = cache.get(name)
    if (present !== undefined) return present
    const loading = load()
    cache.set(name, loading)
    loading.catch(() => undefined)
    return loading
  }
  return {
    configMap: (name: string) => once(maps, name, () => objects.configMap(namespace, name)),
    secret: (name: string) => once(secrets, name, () => objects.secret(namespace, name)),
  }
}

type Fetch = ReturnType<typeof fetcher>

const fromSource = async (
  source: NonNullable<Container['envFrom']>[number],
  fetch: Fetch,
): Promise<[string, string][]> => {
  const prefix = source.prefix ?? ''
  const named = (entries: Map<string, Buffer>): [string, string][] =>
    [...entries].map(([key, value]) => [`${prefix}${key}`, value.toString()])
  if (source.configMapRef !== undefined) {
    const name = source.configMapRef.name ?? ''
    const object = await fetch.configMap(name)
    if (object !== undefined) return named(configMapEntries({ ...object, binaryData: {} }))
    if (source.configMapRef.optional === true) return []
    throw new ConfigError(`configmap "${name}" not found`)
  }
  if (source.secretRef !== undefined) {
    const name = source.secretRef.name ?? ''
    const object = await fetch.secret(name)
    if (object !== undefined) return named(secretEntries(object))
    if (source.secretRef.optional === true) return []
    throw new ConfigError(`secret "${name}" not found`)
  }
  return []
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>

/** A referenced value, undefined where the reference is optional and leads nowhere. */
const referencedValue = async (
  from: ValueFrom,
  request: EnvironmentRequest,
  fetch: Fetch,
): Promise<string | undefined> => {
  const { pod, container, addresses, objects } = request
  const { namespace } = pod.metadata
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, addresses)
  if (from.resourceFieldRef !== undefined) {
    const of = from.resourceFieldRef.containerName
    const target = of === undefined || of === '' ? container : pod.spec.containers.find(({ name }) => name === of)
    if (target === undefined) throw new ConfigError(`container ${of} not found`)
    return resourceValue(target, from.resourceFieldRef, objects.node())
  }
  if (from.configMapKeyRef !== undefined) {
    const { name = '', key, optional = false } = from.configMapKeyRef
    const object = await fetch.configMap(name)
    const value = object?.data?.[key]
    if (value !== undefined) return value
    if (optional) return undefined
    throw new ConfigError(
      object === undefined
        ? `configmap "${name}" not found`
        : `couldn't find key ${key} in ConfigMap ${namespace}/${name}`,
    )
  }
  if (from.secretKeyRef !== undefined) {
    const { name = '', key, optional = false } = from.secretKeyRef
    const object = await fetch.secret(name)
    const value = object === undefined ? undefined : secretEntries(object).get(key)
    if (value !== undefined) return value.toString()
    if (optional) return undefined
    throw new ConfigError(
      object === undefined ? `secret "${name}" not found` : `couldn't find key ${key} in Secret ${namespace}/${name}`,
    )
  }
  throw new ConfigError('fileKeyRef is not implemented by kubets')
}

/** Variables in the order of upstream: envFrom, env (each may use those before it), then Services not yet named. */
export const makeEnvironment = async (request: EnvironmentRequest): Promise<{ name: string; value: string }[]> => {
  const { pod, container, objects } = request
  const fetch = fetcher(objects, pod.metadata.namespace)
  const services = serviceEnvironment(
    await objects.services(),
    pod.metadata.namespace,
    pod.spec.enableServiceLinks !== false,
  )
  const result = new Map<string, string>()
  const sources = await Promise.all((container.envFrom ?? []).map((source) => fromSource(source, fetch)))
  for (const [name, value] of sources.flat()) result.set(name, value)
  const values = await Promise.all(
    (container.env ?? []).map(async ({ valueFrom }) => valueFrom && referencedValue(valueFrom, request, fetch)),
  )
  const lookup = (name: string): string | undefined => result.get(name) ?? services.get(name)
  ;(container.env ?? []).forEach(({ name, value, valueFrom }, index) => {
    const found = valueFrom === undefined ? expand(value ?? '', lookup) : values[index]
    if (found !== undefined) result.set(name, found)
  })
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value)
  return [...result].map(([name, value]) => ({ name, value }))
}
