/** What the tests of the API machinery share. */
import { configMaps, namespaces } from '../../../api/resources.ts'
import type { ConfigMap, KubeObject, Stored } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'

/** A namespace of a test's own. */
export const makeNamespace = async (client: RestClient, name: string): Promise<string> => {
  await client.create(namespaces, { metadata: { name } })
  return name
}

export const aConfigMap = (namespace: string, name: string, metadata: ConfigMap['metadata'] = {}): ConfigMap => ({
  metadata: { namespace, name, ...metadata },
  data: { a: '1' },
})

/** Creates a ConfigMap and returns what the server made of it. */
export const createConfigMap = async (
  client: RestClient,
  namespace: string,
  name: string,
  metadata: ConfigMap['metadata'] = {},
): Promise<Stored<ConfigMap>> => stored(await client.create(configMaps, aConfigMap(namespace, name, metadata)))

/** The object as one that the server has seen; throws if it lacks what the server gives. */
export const stored = <T extends KubeObject>(object: T): Stored<T> => {
  const { name, uid, resourceVersion } = object.metadata ?? {}
  if (name === undefined || uid === undefined || resourceVersion === undefined) {
    throw new Error(`not a stored object: ${JSON.stringify(object.metadata)}`)
  }
  return object as Stored<T>
}

/** For assert.rejects: a StatusError of that reason whose message matches. */
export const refusal =
  (reason: string, message: RegExp = /./) =>
  (error: unknown): boolean => {
    const { reason: actual, message: text } = error as { reason?: string; message?: string }
    if (actual !== reason || text === undefined || !message.test(text)) {
      throw new Error(`expected ${reason} ${message}, got ${actual}: ${text}`, { cause: error })
    }
    return true
  }
