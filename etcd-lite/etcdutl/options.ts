/** etcdutl's flags, of all its commands. */
import { defineFlags, type FlagValues } from '../../component-base/flags/flags.ts'

const oneMember = 'etcd-lite is a cluster of one and makes new ids at every restore'

export const etcdutlFlags = defineFlags({
  'write-out': {
    type: 'string',
    default: 'simple',
    help: 'Set the output format (fields, json, simple, table).',
    short: 'w',
  },
  'data-dir': { type: 'string', default: '', help: 'Path to the data directory.' },
  'wal-dir': { type: 'string', default: '', help: 'Accepted.', unsupported: 'etcd-lite has no raft log' },
  name: { type: 'string', default: 'default', help: 'Human-readable name for this member.' },
  'initial-cluster': { type: 'strings', default: [], help: 'Accepted with one member, the one of --name.' },
  'initial-cluster-token': { type: 'string', default: '', help: 'Accepted.', unsupported: oneMember },
  'initial-advertise-peer-urls': { type: 'strings', default: [], help: 'Accepted.', unsupported: oneMember },
  'initial-memory-map-size': { type: 'int', default: 0, help: 'Accepted.', unsupported: 'nothing is mapped' },
  'skip-hash-check': {
    type: 'bool',
    default: false,
    help: 'Ignore snapshot integrity hash value (required if copied from data directory).',
  },
  'bump-revision': { type: 'int', default: 0, help: 'How much to increase the latest revision after restore.' },
  'mark-compacted': {
    type: 'bool',
    default: false,
    help: 'Mark the latest revision after restore as compacted (required if --bump-revision > 0, disallowed otherwise).',
  },
  rev: { type: 'int', default: 0, help: 'Maximum revision to hash (default: latest revision).' },
})

export type EtcdutlValues = FlagValues<typeof etcdutlFlags>
