/** Flunders, in memory, with a version that counts all changes. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'

interface Flunder {
  readonly kind: 'Flunder'
  readonly apiVersion: string
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [field: string]: unknown }
  readonly spec?: object
}

export class Flunders {
  readonly #apiVersion: string
  readonly #objects = new Map<string, Flunder>()
  readonly #watchers = new Map<ServerResponse, string>()
  #version = 1

  constructor(apiVersion: string) {
    this.#apiVersion = apiVersion
  }

  /** Undefined if there is one of that name. */
  create(namespace: string, given: object): Flunder | undefined {
    const { metadata, spec } = given as Partial<Flunder>
    const key = `${namespace}/${metadata?.name ?? ''}`
    if (this.#objects.has(key)) return undefined
    const flunder: Flunder = {
      kind: 'Flunder',
      apiVersion: this.#apiVersion,
      metadata: {
        ...metadata,
        name: metadata?.name ?? '',
        namespace,
        uid: randomUUID(),
        creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
        resourceVersion: String(++this.#version),
      },
      ...(spec === undefined ? {} : { spec }),
    }
    this.#objects.set(key, flunder)
    this.#tell('ADDED', flunder)
    return flunder
  }

  get(namespace: string, name: string): Flunder | undefined {
    return this.#objects.get(`${namespace}/${name}`)
  }

  delete(namespace: string, name: string): Flunder | undefined {
    const found = this.get(namespace, name)
    if (found === undefined || !this.#objects.delete(`${namespace}/${name}`)) return undefined
    const gone = { ...found, metadata: { ...found.metadata, resourceVersion: String(++this.#version) } }
    this.#tell('DELETED', gone)
    return gone
  }

  list(namespace: string): object {
    return {
      kind: 'FlunderList',
      apiVersion: this.#apiVersion,
      metadata: { resourceVersion: String(this.#version) },
      items: [...this.#objects.values()].filter(({ metadata }) => namespace === '' || metadata.namespace === namespace),
    }
  }

  /** Tells of all changes from now on. */
  watch(namespace: string, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    this.#watchers.set(response, namespace)
    response.on('close', () => this.#watchers.delete(response))
  }

  #tell(type: string, object: Flunder): void {
    for (const [response, namespace] of this.#watchers) {
      if (namespace === '' || namespace === object.metadata.namespace) {
        response.write(`${JSON.stringify({ type, object })}\n`)
      }
    }
  }
}
