/** What the calls about roles do to the auth state. Each returns the edit. */
import type { Permission, Role, User } from '../../component-base/etcd/auth-messages.ts'
import { etcdError } from '../mvcc/errors.ts'
import type { AuthEdit } from './edit.ts'
import { isValidRange } from './range-permissions.ts'
import { type AuthState, rootName } from './state.ts'

/** The role of this name; throws etcd's error when there is none. */
export const roleNamed = (state: AuthState, name: string): Role => {
  const role = state.roles.get(name)
  if (role === undefined) throw etcdError('roleNotFound')
  return role
}

export const addRole = (state: AuthState, { name }: { readonly name: string }): AuthEdit => {
  if (name === '') throw etcdError('roleEmpty')
  if (state.roles.has(name)) throw etcdError('roleAlreadyExist')
  return { roles: [[name, { name: Buffer.from(name), keyPermission: [] }]], revision: 'raised' }
}

/** Deletes a role, and takes it from every user. */
export const deleteRole = (state: AuthState, { role: name }: { readonly role: string }): AuthEdit => {
  if (state.enabled && name === rootName) throw etcdError('invalidAuthMgmt')
  roleNamed(state, name)
  const users = [...state.users]
    .filter(([, { roles }]) => roles.includes(name))
    .map(([userName, user]): [string, User] => [
      userName,
      { ...user, roles: user.roles.filter((granted) => granted !== name) },
    ])
  return { roles: [[name, undefined]], users, revision: 'raised' }
}

/**
 * Adds a permission, or changes the type of the one on the same range. Of several permissions that begin at the same
 * key etcd looks at the first only, and adds the range a second time if it is another's: so do we.
 */
export const grantPermission = (
  state: AuthState,
  { name, perm }: { readonly name: string; readonly perm?: Permission | undefined },
): AuthEdit => {
  if (perm === undefined) throw etcdError('permissionNotGiven')
  if (!isValidRange(perm.key, perm.rangeEnd)) throw etcdError('invalidAuthMgmt')
  const role = roleNamed(state, name)
  // Bytes of a request share memory with all that came with it; these stay.
  const granted = { permType: perm.permType, key: Buffer.from(perm.key), rangeEnd: Buffer.from(perm.rangeEnd) }
  const at = role.keyPermission.findIndex(({ key }) => Buffer.compare(key, perm.key) >= 0)
  const found = role.keyPermission[at]
  const keyPermission =
    found !== undefined && found.key.equals(perm.key) && found.rangeEnd.equals(perm.rangeEnd)
      ? role.keyPermission.with(at, granted)
      : [...role.keyPermission, granted].toSorted((a, b) => Buffer.compare(a.key, b.key))
  return { roles: [[name, { ...role, keyPermission }]], revision: 'raised' }
}

export const revokePermission = (
  state: AuthState,
  { role: name, key, rangeEnd }: { readonly role: string; readonly key: Buffer; readonly rangeEnd: Buffer },
): AuthEdit => {
  const role = roleNamed(state, name)
  const keyPermission = role.keyPermission.filter((perm) => !perm.key.equals(key) || !perm.rangeEnd.equals(rangeEnd))
  if (keyPermission.length === role.keyPermission.length) throw etcdError('permissionNotGranted')
  return { roles: [[name, { ...role, keyPermission }]], revision: 'raised' }
}
