/** The Maintenance and Cluster services of a cluster of one. */
import { alarmAction, alarmType } from '../../component-base/etcd/maintenance-messages.ts'
import { cluster, maintenance } from '../../component-base/etcd/service.ts'
import { type Implementation, implementStream, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { Access } from '../auth/access.ts'
import { asInnerError } from '../auth/inner-error.ts'
import type { Backend } from '../backend/backend.ts'
import type { Alarms } from '../backend/quota.ts'
import { hashStore } from '../mvcc/hash.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { etcdVersion } from '../version.ts'
import type { HeaderEncoder, Identity } from './identity.ts'

export interface MaintenanceDeps {
  readonly store: MvccStore
  readonly backend: Backend
  readonly alarms: Alarms
  readonly access: Access
  readonly identity: Identity
  readonly header: HeaderEncoder
  readonly name: string
  readonly clientUrls: readonly string[]
}

const alarmNames = ['NONE', 'NOSPACE', 'CORRUPT']

export const maintenanceService = (deps: MaintenanceDeps): Implementation[] => {
  const { store, backend, alarms, access, identity, header } = deps
  const { memberId } = identity
  const now = (): Buffer => header(store.revision)
  return [
    implementUnary(maintenance.status, async (_, call) => {
      access.reader(call)?.authenticated()
      const size = await backend.sizeBytes()
      return {
        header: now(),
        version: etcdVersion,
        dbSize: size,
        dbSizeInUse: size,
        leader: memberId,
        raftIndex: store.revision,
        raftAppliedIndex: store.revision,
        raftTerm: identity.raftTerm,
        errors: alarms.active.map((alarm) => `memberID:${memberId} alarm:${alarmNames[alarm] ?? alarm} `),
      }
    }),
    implementUnary(maintenance.alarm, async ({ action, alarm }, call) => {
      if (action === alarmAction.get) access.reader(call)?.authenticated()
      else access.writer(call)?.admin()
      const members = (list: readonly number[]): { memberID: bigint; alarm: number }[] =>
        list.map((active) => ({ memberID: memberId, alarm: active }))
      if (action === alarmAction.activate) {
        await alarms.activate(alarm)
        return { header: now(), alarms: members([alarm]) }
      }
      if (action === alarmAction.deactivate) {
        return { header: now(), alarms: (await alarms.deactivate(alarm)) ? members([alarm]) : [] }
      }
      const shown = alarm === alarmType.none ? alarms.active : alarms.active.filter((active) => active === alarm)
      return { header: now(), alarms: members(shown) }
    }),
    implementUnary(maintenance.defragment, async (_, call) => {
      asInnerError(() => access.reader(call)?.admin())
      await store.drain()
      await backend.defragment()
      return { header: now() }
    }),
    implementUnary(maintenance.hash, async (_, call) => {
      asInnerError(() => access.reader(call)?.admin())
      return { header: now(), hash: (await hashStore(store, 0)).hash }
    }),
    implementUnary(maintenance.hashKv, async ({ revision }, call) => {
      asInnerError(() => access.reader(call)?.admin())
      const { hash, compactRevision } = await hashStore(store, revision)
      return { header: now(), hash, compactRevision }
    }),
    implementStream(maintenance.snapshot, async (call) => {
      asInnerError(() => access.reader(call)?.admin())
      throw new GrpcError(grpcCode.unimplemented, 'etcd-lite: Snapshot is not implemented')
    }),
    implementUnary(cluster.memberList, (_, call) => {
      access.reader(call)?.authenticated()
      return {
        header: now(),
        members: [{ ID: memberId, name: deps.name, peerURLs: [], clientURLs: deps.clientUrls }],
      }
    }),
  ]
}
