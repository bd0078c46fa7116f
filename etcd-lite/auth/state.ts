import type { Permission, Role, User } from '../../component-base/etcd/auth-messages.ts'
import { RangePermissions } from './range-permissions.ts'

export const rootName = 'root'

export interface AuthStateFields {
  readonly enabled: boolean
  /** Raised by every change, so that tokens that carry it can be told from newer ones. */
  readonly revision: number
  readonly users: ReadonlyMap<string, User>
  readonly roles: ReadonlyMap<string, Role>
}

/** Users, roles and permissions at one moment. Never changed: a change makes a new one. */
export class AuthState implements AuthStateFields {
  readonly enabled: boolean
  readonly revision: number
  readonly users: ReadonlyMap<string, User>
  readonly roles: ReadonlyMap<string, Role>
  readonly #permissions = new Map<User, RangePermissions>()

  constructor({ enabled, revision, users, roles }: AuthStateFields) {
    this.enabled = enabled
    this.revision = revision
    this.users = users
    this.roles = roles
  }

  /** The merged permissions of a user's roles; a role that does not exist gives none. */
  permissionsOf(user: User): RangePermissions {
    const known = this.#permissions.get(user)
    if (known !== undefined) return known
    const granted = user.roles.flatMap((name): readonly Permission[] => this.roles.get(name)?.keyPermission ?? [])
    const permissions = new RangePermissions(granted)
    this.#permissions.set(user, permissions)
    return permissions
  }
}

/** The root role may do everything; it need not exist to be had. */
export const hasRootRole = (user: User): boolean => user.roles.includes(rootName)

/** The order of names as bytes: how etcd lists and keeps them. */
export const compareNames = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
