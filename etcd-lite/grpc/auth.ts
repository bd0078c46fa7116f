/** The Auth service. */
import { auth as methods } from '../../component-base/etcd/service.ts'
import { type CallContext, type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import type { Access } from '../auth/access.ts'
import type { AuthEdit } from '../auth/edit.ts'
import { addRole, deleteRole, grantPermission, revokePermission, roleNamed } from '../auth/roles.ts'
import { type AuthState, compareNames } from '../auth/state.ts'
import type { AuthStore } from '../auth/store.ts'
import {
  addUser,
  changePassword,
  deleteUser,
  disableAuth,
  enableAuth,
  grantRole,
  revokeRole,
  userNamed,
} from '../auth/users.ts'
import type { MvccStore } from '../mvcc/store.ts'
import type { HeaderEncoder } from './identity.ts'

export interface AuthDeps {
  readonly store: MvccStore
  readonly auth: AuthStore
  readonly access: Access
  readonly header: HeaderEncoder
}

type Decide = (state: AuthState) => AuthEdit | undefined

const noHash = Buffer.alloc(0)

export const authService = ({ store, auth, access, header }: AuthDeps): Implementation[] => {
  /** Auth has a revision of its own; headers carry the one of the keys, which it does not raise. */
  const now = (): Buffer => header(store.revision)
  const admin = (call: CallContext): void => access.writer(call)?.admin()
  /** An admin's change. */
  const change = async (call: CallContext, decide: Decide): Promise<{ readonly header: Buffer }> => {
    admin(call)
    await auth.change(decide)
    return { header: now() }
  }
  return [
    implementUnary(methods.authEnable, (_, call) => change(call, enableAuth)),
    implementUnary(methods.authDisable, (_, call) => change(call, disableAuth)),
    implementUnary(methods.authStatus, async (_, call) => {
      admin(call)
      const { enabled, revision } = await auth.settled()
      return { header: now(), enabled, authRevision: revision }
    }),
    implementUnary(methods.authenticate, async ({ name, password }) => {
      const token = await auth.authenticate(name, password)
      return { header: now(), token }
    }),
    implementUnary(methods.userAdd, async ({ name, password, options }, call) => {
      admin(call) // asked again when the hash is there: it takes time, which not everybody may have
      const noPassword = options?.noPassword === true
      const hash = noPassword ? noHash : await auth.hashPassword(password)
      return change(call, (state) => addUser(state, { name, hash, noPassword }))
    }),
    implementUnary(methods.userGet, async ({ name }, call) => {
      access.writer(call)?.userGet(name)
      const { roles } = userNamed(await auth.settled(), name)
      return { header: now(), roles }
    }),
    implementUnary(methods.userList, async (_, call) => {
      admin(call)
      const { users } = await auth.settled()
      return { header: now(), users: [...users.keys()].toSorted(compareNames) }
    }),
    implementUnary(methods.userDelete, (request, call) => change(call, (state) => deleteUser(state, request))),
    implementUnary(methods.userChangePassword, async ({ name, password, hashedPassword }, call) => {
      admin(call)
      const hash = password === '' ? hashedPassword : await auth.hashPassword(password)
      return change(call, (state) => changePassword(state, { name, hash }))
    }),
    implementUnary(methods.userGrantRole, (request, call) => change(call, (state) => grantRole(state, request))),
    implementUnary(methods.userRevokeRole, (request, call) => change(call, (state) => revokeRole(state, request))),
    implementUnary(methods.roleAdd, (request, call) => change(call, (state) => addRole(state, request))),
    implementUnary(methods.roleGet, async ({ role }, call) => {
      access.writer(call)?.roleGet(role)
      const { keyPermission } = roleNamed(await auth.settled(), role)
      return { header: now(), perm: keyPermission }
    }),
    implementUnary(methods.roleList, async (_, call) => {
      admin(call)
      const { roles } = await auth.settled()
      return { header: now(), roles: [...roles.keys()].toSorted(compareNames) }
    }),
    implementUnary(methods.roleDelete, (request, call) => change(call, (state) => deleteRole(state, request))),
    implementUnary(methods.roleGrantPermission, (request, call) =>
      change(call, (state) => grantPermission(state, request)),
    ),
    implementUnary(methods.roleRevokePermission, (request, call) =>
      change(call, (state) => revokePermission(state, request)),
    ),
  ]
}
