/** Who this server says it is: ids made once and kept, and the response header made of them. */
import { ResponseHeader } from '../../component-base/etcd/messages.ts'
import type { Backend } from '../backend/backend.ts'
import { varintSize, writeVarint } from '../mvcc/key-value.ts'
import { metaKey, sealed, unsealed } from '../mvcc/records.ts'

export interface Identity {
  readonly clusterId: bigint
  readonly memberId: bigint
  /** Counts the starts of this store, as every start of a single etcd begins a term. */
  readonly raftTerm: number
}

const identityKey = metaKey('identity')

const randomId = (): bigint => {
  const [word = 1n] = crypto.getRandomValues(new BigUint64Array(1))
  return word
}

/** Reads the identity of a store, or makes one; the term is one higher at every start. */
export const loadIdentity = async (backend: Backend): Promise<Identity> => {
  const record = backend.getSync(identityKey)
  const old = record === undefined ? undefined : unsealed(record)
  const identity: Identity = {
    clusterId: old?.readBigUInt64BE(0) ?? randomId(),
    memberId: old?.readBigUInt64BE(8) ?? randomId(),
    raftTerm: (old?.readUInt32BE(16) ?? 1) + 1,
  }
  const payload = Buffer.alloc(20)
  payload.writeBigUInt64BE(identity.clusterId, 0)
  payload.writeBigUInt64BE(identity.memberId, 8)
  payload.writeUInt32BE(identity.raftTerm, 16)
  await backend.commit([{ type: 'put', key: identityKey, value: sealed(payload) }], { sync: true })
  return identity
}

export type HeaderEncoder = (revision: number) => Buffer

const revisionTag = 0x18

/** Encodes response headers: all but the revision is the same for the life of the process. */
export const headerEncoder = ({ clusterId, memberId, raftTerm }: Identity): HeaderEncoder => {
  const fixed = ResponseHeader.encode({ clusterId, memberId, raftTerm })
  let last = { revision: -1, header: fixed }
  return (revision) => {
    if (last.revision === revision) return last.header
    const header = Buffer.allocUnsafe(fixed.length + 1 + varintSize(revision))
    header.set(fixed)
    header[fixed.length] = revisionTag
    writeVarint(header, fixed.length + 1, revision)
    last = { revision, header }
    return header
  }
}
