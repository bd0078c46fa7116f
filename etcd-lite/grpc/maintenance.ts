/** The Maintenance service of a cluster of one. */
import { AlarmMember, alarmAction, alarmType, downgradeAction } from '../../component-base/etcd/maintenance-messages.ts'
import { maintenance } from '../../component-base/etcd/service.ts'
import type { OutputOf } from '../../component-base/protobuf/message.ts'
import { type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { Access } from '../auth/access.ts'
import { asInnerError } from '../auth/inner-error.ts'
import type { Alarm, Alarms } from '../backend/alarms.ts'
import { etcdError } from '../mvcc/errors.ts'
import { hashStore } from '../mvcc/hash.ts'
import { estimateLiveBytes } from '../mvcc/live-size.ts'
import { hashDatabase, type SnapshotSources } from '../snapshot/take-snapshot.ts'
import { etcdClusterVersion, etcdVersion } from '../version.ts'
import type { HeaderEncoder } from './identity.ts'

export interface MaintenanceDeps extends SnapshotSources {
  readonly access: Access
  readonly header: HeaderEncoder
  /** Negative: none. */
  readonly quotaBytes: number
}

const alarmNames: Readonly<Record<number, string>> = { [alarmType.noSpace]: 'NOSPACE', [alarmType.corrupt]: 'CORRUPT' }

/** As protobuf's text format has it: etcd puts that into Status. */
const alarmText = ({ memberID, alarm }: OutputOf<typeof AlarmMember>): string =>
  [memberID === 0n ? '' : `memberID:${memberID} `, `alarm:${alarmNames[alarm] ?? alarm} `].join('')

const applyAlarm = async (alarms: Alarms, action: number, alarm: Alarm): Promise<readonly Alarm[]> => {
  switch (action) {
    case alarmAction.get:
      return alarms.list(alarm.alarm)
    case alarmAction.activate:
      if (alarm.alarm === alarmType.none) return []
      if (!(alarm.alarm in alarmNames)) {
        throw new GrpcError(grpcCode.invalidArgument, `etcd-lite: there is no alarm of type ${alarm.alarm}`)
      }
      await alarms.activate(alarm)
      return [alarm]
    case alarmAction.deactivate: {
      const found = await alarms.deactivate(alarm)
      return found === undefined ? [] : [found]
    }
    default:
      throw etcdError('unknownMethod')
  }
}

/** `major.minor` of what may be a full version. */
const parseClusterVersion = (text: string): string => {
  const match = /^(\d+)\.(\d+)(?:\.(\d+)(?:[-+][0-9A-Za-z.+-]+)?)?$/.exec(text)
  if (match === null) throw etcdError('wrongDowngradeVersion')
  return `${Number(match[1])}.${Number(match[2])}`
}

/** One minor version back. */
const downgradeTarget = ((): string => {
  const [major, minor] = etcdClusterVersion.split('.')
  return `${major}.${Number(minor) - 1}`
})()

const downgrade = (action: number, version: string): void => {
  if (action === downgradeAction.cancel) throw etcdError('noInflightDowngrade')
  if (action !== downgradeAction.validate && action !== downgradeAction.enable) throw etcdError('unknownMethod')
  if (parseClusterVersion(version) !== downgradeTarget) throw etcdError('invalidDowngradeTarget')
  if (action === downgradeAction.enable) {
    throw new GrpcError(
      grpcCode.unimplemented,
      'etcd-lite: Downgrade is not implemented; restore a snapshot of it with an older etcd instead',
    )
  }
}

export const maintenanceService = (deps: MaintenanceDeps): Implementation[] => {
  const { store, backend, alarms, access, identity, header, quotaBytes } = deps
  const { memberId } = identity
  const now = (): Buffer => header(store.revision)
  return [
    implementUnary(maintenance.status, async (_, call) => {
      access.reader(call)?.authenticated()
      const [dbSize, live] = await Promise.all([backend.sizeBytes(), estimateLiveBytes(store)])
      return {
        header: now(),
        version: etcdVersion,
        dbSize,
        dbSizeInUse: Math.min(dbSize, live),
        leader: memberId,
        raftIndex: store.revision,
        raftAppliedIndex: store.revision,
        raftTerm: identity.raftTerm,
        errors: alarms.list().map(alarmText),
        storageVersion: etcdClusterVersion,
        dbSizeQuota: Math.max(0, quotaBytes),
      }
    }),
    implementUnary(maintenance.alarm, async ({ action, memberID, alarm }, call) => {
      if (action === alarmAction.get) access.reader(call)?.authenticated()
      else access.writer(call)?.admin()
      const found = await applyAlarm(alarms, action, { memberID, alarm })
      return { header: now(), alarms: found }
    }),
    implementUnary(maintenance.defragment, async (_, call) => {
      asInnerError(() => access.reader(call)?.admin())
      await store.drain()
      await backend.defragment()
      return {}
    }),
    implementUnary(maintenance.hash, async (_, call) => {
      asInnerError(() => access.reader(call)?.admin())
      return { header: now(), hash: await hashDatabase(deps) }
    }),
    implementUnary(maintenance.hashKv, async ({ revision }, call) => {
      asInnerError(() => access.reader(call)?.admin())
      const { hash, compactRevision } = await hashStore(store, revision)
      return { header: now(), hash, compactRevision }
    }),
    implementUnary(maintenance.moveLeader, ({ targetID }) => {
      if (targetID !== memberId) throw etcdError('badLeaderTransferee')
      return {}
    }),
    implementUnary(maintenance.downgrade, ({ action, version }) => {
      downgrade(action, version)
      return { header: now(), version: etcdClusterVersion }
    }),
  ]
}
