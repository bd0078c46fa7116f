/**
 * The auth state of the server, and its changes.
 *
 * A change is decided at once against the state that all earlier changes made (`applied`), and its records join the
 * store's commit queue, in order with all writes of keys: a write that comes after a change is judged by it, and is on
 * the disk after it. Reads are judged by the state that is on the disk (`durable`), as they see only what is there.
 */
import type { MvccStore } from '../mvcc/store.ts'
import { etcdError } from '../mvcc/errors.ts'
import { applyEdit, type AuthEdit } from './edit.ts'
import type { Passwords } from './passwords.ts'
import type { AuthState } from './state.ts'
import type { TokenProvider } from './token-provider.ts'

export interface AuthStoreOptions {
  readonly store: Pick<MvccStore, 'writeRecords' | 'revision'>
  /** As read from the backend. */
  readonly state: AuthState
  readonly passwords: Passwords
  readonly tokens: TokenProvider
}

export class AuthStore {
  readonly #options: AuthStoreOptions
  #applied: AuthState
  #durable: AuthState
  /** The last change, on its way to the disk. */
  #saving: Promise<void> = Promise.resolve()

  constructor(options: AuthStoreOptions) {
    this.#options = options
    this.#applied = this.#durable = options.state
  }

  /** What writes are judged by. */
  get applied(): AuthState {
    return this.#applied
  }

  /** What reads are judged by. */
  get durable(): AuthState {
    return this.#durable
  }

  get tokens(): TokenProvider {
    return this.#options.tokens
  }

  /** Makes a change, decided synchronously; resolves when it is on the disk. Throws what `decide` throws. */
  async change(decide: (state: AuthState) => AuthEdit | undefined): Promise<void> {
    const edit = decide(this.#applied)
    if (edit !== undefined) {
      const { next, ops } = applyEdit(this.#applied, edit)
      this.#applied = next
      if (edit.invalidatedUser !== undefined) this.tokens.invalidateUser(edit.invalidatedUser)
      this.#saving = this.#options.store.writeRecords(ops).then(() => {
        this.#durable = next
        if (edit.enabled === false) this.tokens.clear()
      })
    }
    await this.#saving
  }

  /** The newest state, once it is on the disk. */
  async settled(): Promise<AuthState> {
    const state = this.#applied
    await this.#saving
    return state
  }

  /** A token for a user who knows the password. Throws etcd's errors. */
  async authenticate(name: string, password: string): Promise<string> {
    for (;;) {
      const checked = await this.settled()
      if (!checked.enabled) throw etcdError('authNotEnabled')
      const user = checked.users.get(name)
      if (user === undefined) throw etcdError('authFailed')
      if (user.options?.noPassword === true) throw etcdError('noPasswordUser')
      if (!(await this.#options.passwords.matches(password, user.password))) throw etcdError('authFailed')
      // The password may have been changed, or the user deleted, while it was compared.
      const { revision } = this.#applied
      if (revision === checked.revision && this.#applied.enabled) {
        return this.tokens.assign(name, { revision, index: this.#options.store.revision })
      }
    }
  }

  /** The hash to store for a new password. Throws when it is too long. */
  hashPassword(password: string): Promise<Buffer> {
    return this.#options.passwords.hash(password)
  }
}
