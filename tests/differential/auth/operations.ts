/**
 * What the differential test of auth does, as plain JSON: a call, its request, and who makes it. Few users, roles and
 * keys, so that changes of auth and the calls that they allow or forbid meet each other.
 */
import fc, { type Arbitrary } from 'fast-check'

export type User = 'root' | 'ann' | 'bob'
/** `nobody` sends no token; `stranger` one that was never given out. */
export type As = User | 'nobody' | 'stranger'

export interface AuthOperation {
  readonly op: string
  readonly as: As
  /** Bytes are strings of one character a byte. */
  readonly request: Readonly<Record<string, unknown>>
}

export interface Scenario {
  /** Given to the roles `r1` (ann's) and `r2` (bob's) before auth is turned on. */
  readonly granted: readonly { readonly role: string; readonly perm: object }[]
  readonly operations: readonly AuthOperation[]
}

const user = fc.constantFrom<User>('root', 'ann', 'bob')
const as: Arbitrary<As> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<As>('root') },
  { weight: 9, arbitrary: fc.constantFrom<As>('ann', 'bob') },
  { weight: 1, arbitrary: fc.constantFrom<As>('nobody', 'stranger') },
)
/** Those who mostly may. */
const admin: Arbitrary<As> = fc.oneof({ weight: 12, arbitrary: fc.constant<As>('root') }, { weight: 1, arbitrary: as })
const name = fc.constantFrom('root', 'ann', 'bob', 'new', '')
const role = fc.constantFrom('root', 'r1', 'r2', 'r3', '')
const password = fc.constantFrom('p1', 'p2')
const key = fc.constantFrom('a', 'b', 'bb', 'c', 'd')
const end = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 5, arbitrary: fc.constantFrom('b', 'bb', 'c', 'd', 'e') },
  { weight: 1, arbitrary: fc.constant('\0') },
)
const permType = fc.integer({ min: 0, max: 2 })
/**
 * Not in it: empty ranges. etcd's interval tree answers for them by its shape, and 3.4 lets permissions have them; then
 * nothing is read or written, whatever the answer.
 */
const isNotEmpty = ({ key: start, rangeEnd }: { readonly key: string; readonly rangeEnd: string }): boolean =>
  rangeEnd === '' || rangeEnd === '\0' || start < rangeEnd
const perm = fc.record({ permType, key, rangeEnd: end }).filter(isNotEmpty)
const lease = fc.constantFrom(0, 1, 2)
const flag = fc.constantFrom(true, false, false)

const range = fc.record({ key, rangeEnd: end }).filter(isNotEmpty)
const put = fc.record({ key, value: fc.constantFrom('x', 'y'), lease, prevKv: flag })
const deleteRange = fc.record({ key, rangeEnd: end, prevKv: flag }).filter(isNotEmpty)
const txnOp = fc.oneof(
  { weight: 3, arbitrary: range.map((requestRange) => ({ requestRange })) },
  { weight: 3, arbitrary: put.map((requestPut) => ({ requestPut })) },
  { weight: 2, arbitrary: deleteRange.map((requestDeleteRange) => ({ requestDeleteRange })) },
)
const compare = range.map((keys) => ({ ...keys, target: 0, result: 1, version: 0 }))
const flatTxn = fc.record({
  compare: fc.array(compare, { maxLength: 1 }),
  success: fc.array(txnOp, { maxLength: 2 }),
  failure: fc.array(txnOp, { maxLength: 2 }),
})
const txn = fc.oneof(
  { weight: 5, arbitrary: flatTxn },
  {
    weight: 1,
    arbitrary: flatTxn.map((requestTxn) => ({ compare: [], success: [{ requestTxn }], failure: [{ requestTxn }] })),
  },
)

const call = (
  weight: number,
  op: string,
  who: Arbitrary<As>,
  request: Arbitrary<object> = fc.constant({}),
): { weight: number; arbitrary: Arbitrary<AuthOperation> } => ({
  weight,
  arbitrary: fc.record({ op: fc.constant(op), as: who, request }) as Arbitrary<AuthOperation>,
})

const operation: Arbitrary<AuthOperation> = fc.oneof(
  call(8, 'login', fc.constant('nobody'), fc.record({ name: fc.oneof(user, name), password })),
  call(
    3,
    'userAdd',
    admin,
    // A root without a password could turn auth on and nobody off again.
    fc.record({ name, password, noPassword: flag }).map(({ noPassword, ...rest }) => ({
      ...rest,
      options: { noPassword: noPassword && rest.name !== 'root' },
    })),
  ),
  call(1, 'userDelete', admin, fc.record({ name })),
  call(2, 'userChangePassword', admin, fc.record({ name, password })),
  call(3, 'userGrantRole', admin, fc.record({ user: name, role })),
  call(2, 'userRevokeRole', admin, fc.record({ name, role })),
  call(2, 'userGet', as, fc.record({ name })),
  call(1, 'userList', as),
  call(2, 'roleAdd', admin, fc.record({ name: role })),
  call(1, 'roleDelete', admin, fc.record({ role })),
  call(2, 'roleGet', as, fc.record({ role })),
  call(1, 'roleList', as),
  call(5, 'roleGrantPermission', admin, fc.record({ name: role, perm })),
  call(3, 'roleRevokePermission', admin, fc.record({ role, key, rangeEnd: end })),
  call(2, 'authEnable', admin),
  call(1, 'authDisable', admin),
  call(8, 'put', as, put),
  call(8, 'range', as, range),
  call(5, 'deleteRange', as, deleteRange),
  call(8, 'txn', as, txn),
  call(2, 'compact', admin, fc.constant({ revision: 'newest' })),
  call(4, 'leaseGrant', as, fc.record({ TTL: fc.constant(600), ID: fc.constantFrom(1, 2) })),
  call(3, 'leaseRevoke', as, fc.record({ ID: fc.constantFrom(1, 2) })),
  call(2, 'leaseTimeToLive', as, fc.record({ ID: fc.constantFrom(1, 2), keys: flag })),
  call(1, 'leaseLeases', as),
  call(1, 'leaseKeepAlive', as, fc.record({ ID: fc.constantFrom(1, 2) })),
  call(4, 'watch', as, range),
  call(1, 'memberList', as),
  call(1, 'status', as),
  call(1, 'alarm', as),
  call(1, 'hash', as),
  call(1, 'hashKv', as),
  call(1, 'defragment', as),
)

export const scenarios: Arbitrary<Scenario> = fc.record({
  granted: fc.array(fc.record({ role: fc.constantFrom('r1', 'r2'), perm }), { minLength: 1, maxLength: 5 }),
  operations: fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }),
})
