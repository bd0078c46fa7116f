/** A change of the auth state, decided by auth/users.ts and auth/roles.ts, and what it writes. */
import type { Role, User } from '../../component-base/etcd/auth-messages.ts'
import type { BackendOp } from '../backend/backend.ts'
import { deleteRole, deleteUser, putEnabled, putRevision, putRole, putUser } from './records.ts'
import { AuthState } from './state.ts'

export interface AuthEdit {
  readonly enabled?: boolean
  /** New users and roles by name; undefined deletes. */
  readonly users?: readonly (readonly [string, User | undefined])[]
  readonly roles?: readonly (readonly [string, Role | undefined])[]
  /** Whether the auth revision goes up: it does for all but turning auth on. */
  readonly revision: 'raised' | 'kept'
  /** The user whose simple tokens end with the edit. */
  readonly invalidatedUser?: string
}

const edited = <Value>(
  old: ReadonlyMap<string, Value>,
  changes: readonly (readonly [string, Value | undefined])[] = [],
): ReadonlyMap<string, Value> => {
  if (changes.length === 0) return old
  const next = new Map(old)
  for (const [name, value] of changes) {
    if (value === undefined) next.delete(name)
    else next.set(name, value)
  }
  return next
}

/** The state after an edit, and the records that make it last. */
export const applyEdit = (
  state: AuthState,
  edit: AuthEdit,
): { readonly next: AuthState; readonly ops: readonly BackendOp[] } => {
  const next = new AuthState({
    enabled: edit.enabled ?? state.enabled,
    revision: edit.revision === 'raised' ? state.revision + 1 : state.revision,
    users: edited(state.users, edit.users),
    roles: edited(state.roles, edit.roles),
  })
  const ops = [
    ...(edit.users ?? []).map(([name, user]) => (user === undefined ? deleteUser(name) : putUser(user))),
    ...(edit.roles ?? []).map(([name, role]) => (role === undefined ? deleteRole(name) : putRole(role))),
    ...(edit.enabled === undefined ? [] : [putEnabled(edit.enabled)]),
    putRevision(next.revision),
  ]
  return { next, ops }
}
