/** The one member of the cluster, as clients see it. */
import { Member } from '../component-base/etcd/maintenance-messages.ts'
import type { Backend } from './backend/backend.ts'
import { metaKey, sealed, unsealed } from './mvcc/records.ts'

/** Peer URLs as an operator changed them; until then they are the flag's. */
const recordKey = metaKey('member')

export interface MemberOptions {
  readonly id: bigint
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
}

export class Membership {
  readonly #backend: Backend
  readonly #options: MemberOptions
  #peerUrls: readonly string[]

  constructor(backend: Backend, options: MemberOptions) {
    this.#backend = backend
    this.#options = options
    const record = backend.getSync(recordKey)
    this.#peerUrls = record === undefined ? options.peerUrls : Member.decode(unsealed(record)).peerURLs
  }

  get member(): {
    readonly ID: bigint
    readonly name: string
    readonly peerURLs: readonly string[]
    readonly clientURLs: readonly string[]
  } {
    const { id, name, clientUrls } = this.#options
    return { ID: id, name, peerURLs: this.#peerUrls, clientURLs: clientUrls }
  }

  /** Nobody connects to them: they are what the member list says. */
  async setPeerUrls(peerUrls: readonly string[]): Promise<void> {
    const value = sealed(Member.encode({ peerURLs: peerUrls }))
    await this.#backend.commit([{ type: 'put', key: recordKey, value }], { sync: true })
    this.#peerUrls = peerUrls
  }
}
