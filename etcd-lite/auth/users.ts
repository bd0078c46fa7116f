/** What the calls about users do to the auth state. Each returns the edit, or undefined when nothing changes. */
import type { User } from '../../component-base/etcd/auth-messages.ts'
import { etcdError } from '../mvcc/errors.ts'
import type { AuthEdit } from './edit.ts'
import { type AuthState, compareNames, hasRootRole, rootName } from './state.ts'

/** The user of this name; throws etcd's error when there is none. */
export const userNamed = (state: AuthState, name: string): User => {
  const user = state.users.get(name)
  if (user === undefined) throw etcdError('userNotFound')
  return user
}

const changed = (name: string, user: User | undefined, invalidates: boolean): AuthEdit => ({
  users: [[name, user]],
  revision: 'raised',
  ...(invalidates ? { invalidatedUser: name } : {}),
})

/** `hash` is empty for a user without a password, who is known by a certificate alone. */
export const addUser = (
  state: AuthState,
  { name, hash, noPassword }: { readonly name: string; readonly hash: Buffer; readonly noPassword: boolean },
): AuthEdit => {
  if (name === '') throw etcdError('userEmpty')
  if (state.users.has(name)) throw etcdError('userAlreadyExist')
  return changed(name, { name: Buffer.from(name), password: hash, roles: [], options: { noPassword } }, false)
}

export const deleteUser = (state: AuthState, { name }: { readonly name: string }): AuthEdit => {
  if (state.enabled && name === rootName) throw etcdError('invalidAuthMgmt')
  userNamed(state, name)
  return changed(name, undefined, true)
}

/**
 * Sets a user's password: a bcrypt hash, or base64 of one that the client made. A user without a password stays so,
 * whatever is given.
 */
export const changePassword = (
  state: AuthState,
  { name, hash }: { readonly name: string; readonly hash: Buffer | string },
): AuthEdit => {
  const user = userNamed(state, name)
  if (user.options?.noPassword === true) return changed(name, { ...user, password: Buffer.alloc(0) }, true)
  return changed(name, { ...user, password: typeof hash === 'string' ? decodeHash(hash) : hash }, true)
}

/** Standard base64 with its padding; line breaks inside are skipped, as Go's decoder does. */
const decodeHash = (text: string): Buffer => {
  const bare = text.replaceAll(/[\r\n]/g, '')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(bare)) throw etcdError('noPasswordUser')
  return Buffer.from(bare, 'base64')
}

export const grantRole = (
  state: AuthState,
  { user: name, role }: { readonly user: string; readonly role: string },
): AuthEdit | undefined => {
  const user = userNamed(state, name)
  if (role !== rootName && !state.roles.has(role)) throw etcdError('roleNotFound')
  if (user.roles.includes(role)) return undefined
  return changed(name, { ...user, roles: [...user.roles, role].toSorted(compareNames) }, false)
}

export const revokeRole = (
  state: AuthState,
  { name, role }: { readonly name: string; readonly role: string },
): AuthEdit => {
  if (state.enabled && name === rootName && role === rootName) throw etcdError('invalidAuthMgmt')
  const user = userNamed(state, name)
  if (!user.roles.includes(role)) throw etcdError('roleNotGranted')
  return changed(name, { ...user, roles: user.roles.filter((granted) => granted !== role) }, false)
}

/** Turns auth on: only when a user root can turn it off again. */
export const enableAuth = (state: AuthState): AuthEdit | undefined => {
  if (state.enabled) return undefined
  const root = state.users.get(rootName)
  if (root === undefined) throw etcdError('rootUserNotExist')
  if (!hasRootRole(root)) throw etcdError('rootRoleNotExist')
  return { enabled: true, revision: 'kept' }
}

export const disableAuth = (state: AuthState): AuthEdit | undefined =>
  state.enabled ? { enabled: false, revision: 'raised' } : undefined
