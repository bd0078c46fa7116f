/** The APIServices as they are now: which server has which group and version, and in which order they are told. */
import type { APIService } from '../../api/types.ts'
import type { Resource } from '../registry/resource.ts'
import { entryOf, type GroupVersionEntry, type RemoteService, remoteOf } from './remote-service.ts'

interface Known {
  readonly entry: GroupVersionEntry
  readonly remote: RemoteService | undefined
  /** Both as text, to see whether they are others. */
  readonly text: string
}

const knownOf = (apiService: APIService): Known => {
  const [entry, remote] = [entryOf(apiService), remoteOf(apiService)]
  return { entry, remote, text: JSON.stringify([entry, remote]) }
}

export class ApiServices {
  readonly #resource: Resource
  /** A stored object never changes: each is read once. */
  #known = new Map<APIService, Known>()
  #remotes = new Map<string, RemoteService>()
  #entries: readonly GroupVersionEntry[] = []
  #text = ''
  #isDue = false
  readonly #listeners = new Set<() => void>()

  constructor(resource: Resource) {
    this.#resource = resource
    // Hundreds of definitions register theirs at once.
    resource.store.cache.onChange(() => {
      if (this.#isDue) return
      this.#isDue = true
      setImmediate(() => this.#read())
    })
  }

  /** Called when anything changes that matters to clients: a server, a priority, an availability. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Another array whenever anything is different. */
  entries(): readonly GroupVersionEntry[] {
    return this.#entries
  }

  remotes(): RemoteService[] {
    return [...this.#remotes.values()]
  }

  remote(group: string, version: string): RemoteService | undefined {
    return this.#remotes.get(`${version}.${group}`)
  }

  /** That of the path of a request: `/apis/<group>/<version>` and all below it, or `/api` if that is elsewhere. */
  remoteForPath(path: string): RemoteService | undefined {
    if (this.#remotes.size === 0) return undefined
    const [, root, first = '', second = ''] = path.split('/', 4)
    if (root === 'apis') return this.#remotes.get(`${second}.${first}`)
    return root === 'api' ? this.#remotes.get('v1.') : undefined
  }

  async ready(): Promise<void> {
    await this.#resource.store.cache.ready()
    this.#read()
  }

  #read(): void {
    this.#isDue = false
    const known = new Map<APIService, Known>()
    for (const { object } of this.#resource.store.cache.values()) {
      const apiService = object as APIService
      known.set(apiService, this.#known.get(apiService) ?? knownOf(apiService))
    }
    this.#known = known
    const text = [...known.values()].map((one) => one.text).join()
    if (text === this.#text) return
    this.#text = text
    this.#entries = [...known.values()].map(({ entry }) => entry)
    const before = this.#remotes
    this.#remotes = new Map(
      [...known.values()].flatMap(({ remote }) => {
        if (remote === undefined) return []
        // Connections belong to the value: an equal one stays.
        const same = before.get(remote.name)
        return [[remote.name, same !== undefined && JSON.stringify(same) === JSON.stringify(remote) ? same : remote]]
      }),
    )
    for (const listener of this.#listeners) listener()
  }
}
