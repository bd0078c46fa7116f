/** etcdutl's commands: what can be done to files, without a server. */
import { join } from 'node:path'
import { UsageError } from '../../component-base/process/run.ts'
import { openDurableBackend } from '../backend/durable.ts'
import { openSnapshot } from '../snapshot/open-snapshot.ts'
import { restoreSnapshot } from '../snapshot/restore-snapshot.ts'
import { snapshotHashKv, snapshotStatus } from '../snapshot/status.ts'
import { etcdClusterVersion, etcdVersion } from '../version.ts'
import type { EtcdutlValues } from './options.ts'
import { parseFormat, printHashKv, printStatus } from './print.ts'

/** Resolves with what goes to standard output. */
type Run = (args: readonly string[], values: EtcdutlValues, isSet: (flag: string) => boolean) => Promise<string>

export interface Command {
  /** Words after `etcdutl`. */
  readonly words: readonly string[]
  readonly usage: string
  /** Of all flags; --write-out and those of every command are allowed anyway. */
  readonly flags: readonly string[]
  readonly run: Run
}

const onlyArgument = (args: readonly string[], what: string): string => {
  const [first] = args
  if (first === undefined || args.length !== 1) throw new UsageError(`${what} requires exactly one argument`)
  return first
}

/** The cluster that a restore begins must be one of one member: this one. */
const checkCluster = (values: EtcdutlValues, isSet: (flag: string) => boolean): void => {
  if (!isSet('initial-cluster')) return
  const names = new Set(values['initial-cluster'].map((entry) => entry.split('=')[0] ?? ''))
  if (!names.has(values.name)) {
    throw new UsageError(`couldn't find local name "${values.name}" in the initial cluster configuration`)
  }
  if (names.size > 1) {
    throw new UsageError(
      '--initial-cluster with several members is not supported: etcd-lite is a cluster of one; for more members ' +
        'restore with etcdutl of a real etcd',
    )
  }
}

const restore: Run = async (args, values, isSet) => {
  const snapshotPath = onlyArgument(args, 'snapshot restore')
  if (!isSet('data-dir')) throw new UsageError('required flag(s) "data-dir" not set')
  const bumpRevision = values['bump-revision']
  if (bumpRevision < 0) throw new UsageError(`invalid argument "${bumpRevision}" for "--bump-revision"`)
  if (bumpRevision > 0 !== values['mark-compacted']) {
    throw new UsageError('--mark-compacted required if --revision-bump > 0')
  }
  checkCluster(values, isSet)
  const dataDir = values['data-dir'] === '' ? `${values.name}.etcd` : values['data-dir']
  const skipHashCheck = values['skip-hash-check']
  const { revision, compacted } = await restoreSnapshot({ snapshotPath, dataDir, skipHashCheck, bumpRevision })
  process.stderr.write(
    `restored snapshot ${snapshotPath} into ${dataDir}: revision ${revision}, compacted ${compacted}\n`,
  )
  return ''
}

const status: Run = async (args, values) => {
  const format = parseFormat(values['write-out'])
  await using snapshot = await openSnapshot(onlyArgument(args, 'snapshot status'), { checkHash: false })
  return printStatus(await snapshotStatus(snapshot.db), format)
}

const hashKv: Run = async (args, values) => {
  const format = parseFormat(values['write-out'])
  await using snapshot = await openSnapshot(onlyArgument(args, 'hashkv'), { checkHash: false })
  return printHashKv(await snapshotHashKv(snapshot.db, values.rev), format)
}

const defrag: Run = async (args, values) => {
  if (args.length > 0) throw new UsageError('defrag takes no argument')
  if (values['data-dir'] === '') throw new UsageError('required flag(s) "data-dir" not set')
  const backend = await openDurableBackend(join(values['data-dir'], 'member', 'leveldb'), () => {})
  try {
    await backend.defragment()
  } finally {
    await backend.close()
  }
  return ''
}

const version: Run = async () =>
  `etcdutl version: ${etcdVersion}\nAPI version: ${etcdClusterVersion.split('.').slice(0, 2).join('.')}`

const save: Run = async () => {
  throw new UsageError('In order to download snapshot use: `etcdctl snapshot save ...`')
}

export const commands: readonly Command[] = [
  {
    words: ['snapshot', 'restore'],
    usage: 'snapshot restore <filename> --data-dir {output dir} [options]',
    flags: [
      'data-dir',
      'wal-dir',
      'initial-cluster',
      'initial-cluster-token',
      'initial-advertise-peer-urls',
      'initial-memory-map-size',
      'name',
      'skip-hash-check',
      'bump-revision',
      'mark-compacted',
    ],
    run: restore,
  },
  { words: ['snapshot', 'status'], usage: 'snapshot status <filename>', flags: [], run: status },
  { words: ['snapshot', 'save'], usage: 'snapshot save <filename>', flags: [], run: save },
  { words: ['hashkv'], usage: 'hashkv <filename>', flags: ['rev'], run: hashKv },
  { words: ['defrag'], usage: 'defrag --data-dir <dir>', flags: ['data-dir'], run: defrag },
  { words: ['version'], usage: 'version', flags: [], run: version },
]
