/** The Cluster service of a cluster of one: its answers are those of a real etcd with one member. */
import { cluster } from '../../component-base/etcd/service.ts'
import { type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { Access } from '../auth/access.ts'
import { etcdError } from '../mvcc/errors.ts'
import type { Membership } from '../membership.ts'
import type { HeaderEncoder } from './identity.ts'

export interface ClusterDeps {
  readonly membership: Membership
  readonly access: Access
  readonly header: HeaderEncoder
}

/** etcd's rule: `scheme://host:port`, nothing behind it; a unix socket has what it likes. */
const isPeerUrl = (text: string): boolean =>
  /^unixs?:/.test(text) || /^https?:\/\/(\[[^\]/?#]+\]|[^:/?#[\]]+):\d*$/.test(text.trim())

export const clusterService = ({ membership, access, header }: ClusterDeps): Implementation[] => {
  const self = (): { readonly header: Buffer; readonly members: readonly [typeof membership.member] } => ({
    header: header(0), // etcd says no revision here
    members: [membership.member],
  })
  const checkExists = (id: bigint): void => {
    if (id !== membership.member.ID) throw etcdError('memberNotFound')
  }
  return [
    implementUnary(cluster.memberList, (_, call) => {
      access.reader(call)?.authenticated()
      return self()
    }),
    implementUnary(cluster.memberAdd, ({ peerURLs }, call) => {
      if (peerURLs.length === 0 || !peerURLs.every(isPeerUrl)) throw etcdError('memberBadUrls')
      access.writer(call)?.admin()
      if (peerURLs.some((url) => membership.member.peerURLs.includes(url))) throw etcdError('peerUrlExists')
      throw new GrpcError(
        grpcCode.unimplemented,
        'etcd-lite: MemberAdd is not implemented: etcd-lite is a cluster of one. For more members restore a snapshot ' +
          'into a real etcd cluster (etcdctl snapshot save, etcdctl snapshot restore)',
      )
    }),
    implementUnary(cluster.memberRemove, ({ ID }, call) => {
      access.writer(call)?.admin()
      checkExists(ID)
      throw etcdError('notEnoughStarted')
    }),
    implementUnary(cluster.memberUpdate, async ({ ID, peerURLs }, call) => {
      access.writer(call)?.admin()
      checkExists(ID)
      await membership.setPeerUrls(peerURLs)
      return self()
    }),
    implementUnary(cluster.memberPromote, ({ ID }, call) => {
      access.writer(call)?.admin()
      checkExists(ID)
      throw etcdError('memberNotLearner')
    }),
  ]
}
