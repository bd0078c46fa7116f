/** All flags of etcd 3.5.33, and which of them have no effect here and why. */
import { defaultBcryptCost } from '../auth/passwords.ts'
import { defineFlags } from './flag-types.ts'

const noPeers = 'etcd-lite is a cluster of one and has no peers'
const noRaft = 'etcd-lite has no raft log'
const noBolt = 'the store is LevelDB'
const noV2 = 'the v2 API is gone'
const noTracing = 'etcd-lite sends no traces'
const compactsByItself = 'compaction takes small steps by itself'

const second = 1000
const minute = 60 * second
const maxUint32 = 0xffff_ffff

const member = defineFlags({
  'config-file': {
    type: 'string',
    default: '',
    help: 'Path to the server configuration file. Other flags and environment variables are ignored then.',
  },
  name: { type: 'string', default: 'default', help: 'Human-readable name for this member.' },
  'data-dir': { type: 'string', default: '', help: 'Path to the data directory; default is ${name}.etcd.' },
  'wal-dir': { type: 'string', default: '', help: 'Path to the dedicated wal directory.', unsupported: noRaft },
  'snapshot-count': { type: 'uint', default: 100_000, help: 'Transactions between snapshots.', unsupported: noRaft },
  'heartbeat-interval': { type: 'uint', default: 100, help: 'Milliseconds between heartbeats.', unsupported: noRaft },
  'election-timeout': { type: 'uint', default: 1000, help: 'Milliseconds of an election.', unsupported: noRaft },
  'initial-election-tick-advance': {
    type: 'bool',
    default: true,
    help: 'Whether to fast-forward initial election ticks on boot.',
    unsupported: noRaft,
  },
  'listen-peer-urls': {
    type: 'urls',
    default: ['http://localhost:2380'],
    help: 'List of URLs to listen on for peer traffic.',
    unsupported: noPeers,
  },
  'listen-client-urls': {
    type: 'urls',
    default: ['http://localhost:2379'],
    help: 'List of URLs to listen on for client grpc traffic, and http as long as --listen-client-http-urls is not given.',
  },
  'listen-client-http-urls': {
    type: 'urls',
    default: [],
    help: 'List of URLs to listen on for http only client traffic. Takes http away from --listen-client-urls.',
  },
  'max-snapshots': { type: 'uint', default: 5, help: 'Snapshot files to retain.', unsupported: noRaft },
  'max-wals': { type: 'uint', default: 5, help: 'Wal files to retain.', unsupported: noRaft },
  'quota-backend-bytes': {
    type: 'int',
    default: 0,
    help: 'Raise alarms when backend size exceeds the given quota; 0 is 2 GiB, negative is none.',
  },
  'backend-bbolt-freelist-type': { type: 'string', default: 'map', help: "'array' or 'map'.", unsupported: noBolt },
  'backend-batch-interval': {
    type: 'duration',
    default: 0,
    help: 'Maximum time before a backend transaction is committed.',
    unsupported: 'every write is committed at once',
  },
  'backend-batch-limit': {
    type: 'int',
    default: 0,
    help: 'Maximum operations before a backend transaction is committed.',
    unsupported: 'every write is committed at once',
  },
  'max-txn-ops': { type: 'uint', default: 128, help: 'Maximum number of operations permitted in a transaction.' },
  'max-request-bytes': {
    type: 'uint',
    default: 1_572_864,
    help: 'Maximum client request size in bytes the server will accept.',
  },
  'max-concurrent-streams': {
    type: 'uint',
    default: maxUint32,
    help: 'Maximum concurrent streams that each client can open at a time.',
  },
  'enable-grpc-gateway': { type: 'bool', default: true, help: 'Enable the JSON gateway.' },
  'grpc-keepalive-min-time': {
    type: 'duration',
    default: 5 * second,
    help: 'Minimum time that a client should wait before pinging the server.',
    unsupported: 'pings of clients are not counted',
  },
  'grpc-keepalive-interval': {
    type: 'duration',
    default: 120 * minute,
    help: 'Time between pings that check if a connection is alive; 0 turns them off.',
  },
  'grpc-keepalive-timeout': {
    type: 'duration',
    default: 20 * second,
    help: 'Time to wait for the answer of a ping before the connection is closed; 0 waits for ever.',
  },
  'socket-reuse-port': { type: 'bool', default: false, help: 'Set SO_REUSEPORT on listeners.' },
  'socket-reuse-address': { type: 'bool', default: false, help: 'Set SO_REUSEADDR on listeners; it is always set.' },
  'raft-read-timeout': { type: 'duration', default: 5 * second, help: 'Of rafthttp.', unsupported: noPeers },
  'raft-write-timeout': { type: 'duration', default: 5 * second, help: 'Of rafthttp.', unsupported: noPeers },
  'value-cache-bytes': { type: 'uint', default: 192 << 20, help: 'etcd-lite: bound of current values kept in memory.' },
})

const clustering = defineFlags({
  'initial-advertise-peer-urls': {
    type: 'urls',
    default: ['http://localhost:2380'],
    help: "List of this member's peer URLs, as the member list says them; nobody listens there.",
  },
  'initial-cluster': { type: 'string', default: '', help: 'Initial cluster configuration; of one member.' },
  'initial-cluster-state': { type: 'string', default: 'new', choices: ['new', 'existing'], help: "Only 'new'." },
  'initial-cluster-token': { type: 'string', default: 'etcd-cluster', help: 'Cluster token.', unsupported: noPeers },
  'advertise-client-urls': {
    type: 'urls',
    default: ['http://localhost:2379'],
    help: "List of this member's client URLs to advertise to the public.",
  },
  discovery: { type: 'string', default: '', help: 'Refused.' },
  'discovery-fallback': { type: 'string', default: 'proxy', choices: ['proxy', 'exit'], help: 'Of --discovery.' },
  'discovery-proxy': { type: 'string', default: '', help: 'Of --discovery.' },
  'discovery-srv': { type: 'string', default: '', help: 'Refused.' },
  'discovery-srv-name': { type: 'string', default: '', help: 'Of --discovery-srv.' },
  'strict-reconfig-check': { type: 'bool', default: true, help: 'Guard of quorums.', unsupported: noPeers },
  'pre-vote': { type: 'bool', default: true, help: 'An additional election phase.', unsupported: noRaft },
  'auto-compaction-retention': {
    type: 'string',
    default: '0',
    help: 'Hours or a duration for periodic, a number of revisions for revision; 0 turns it off.',
  },
  'auto-compaction-mode': { type: 'string', default: 'periodic', help: "'periodic' or 'revision'." },
  'enable-v2': { type: 'bool', default: false, help: 'Accept v2 requests.', unsupported: noV2 },
  'v2-deprecation': {
    type: 'string',
    default: 'not-yet',
    choices: ['not-yet', 'write-only', 'write-only-drop-data', 'gone'],
    help: 'Phase of the deprecation of the v2 store.',
    unsupported: noV2,
  },
})

const security = defineFlags({
  'cert-file': { type: 'string', default: '', help: 'Path to the client server TLS cert file.' },
  'key-file': { type: 'string', default: '', help: 'Path to the client server TLS key file.' },
  'client-cert-auth': { type: 'bool', default: false, help: 'Enable client cert authentication.' },
  'client-cert-file': { type: 'string', default: '', help: "The server's own client cert.", unsupported: noPeers },
  'client-key-file': { type: 'string', default: '', help: "The server's own client key.", unsupported: noPeers },
  'client-crl-file': { type: 'string', default: '', help: 'Path to the client certificate revocation list file.' },
  'client-cert-allowed-hostname': {
    type: 'strings',
    default: [],
    help: 'List of SAN hostnames for client cert authentication.',
  },
  'trusted-ca-file': { type: 'string', default: '', help: 'Path to the client server TLS trusted CA cert file.' },
  'auto-tls': { type: 'bool', default: false, help: 'Client TLS using generated certificates.' },
  'peer-cert-file': { type: 'string', default: '', help: 'Peer cert.', unsupported: noPeers },
  'peer-key-file': { type: 'string', default: '', help: 'Peer key.', unsupported: noPeers },
  'peer-client-cert-auth': { type: 'bool', default: false, help: 'Peer cert authentication.', unsupported: noPeers },
  'peer-trusted-ca-file': { type: 'string', default: '', help: 'Peer CA.', unsupported: noPeers },
  'peer-cert-allowed-cn': { type: 'strings', default: [], help: 'CNs of peers.', unsupported: noPeers },
  'peer-cert-allowed-hostname': { type: 'strings', default: [], help: 'Host names of peers.', unsupported: noPeers },
  'peer-auto-tls': { type: 'bool', default: false, help: 'Peer TLS by generated certs.', unsupported: noPeers },
  'peer-client-cert-file': { type: 'string', default: '', help: 'Client cert towards peers.', unsupported: noPeers },
  'peer-client-key-file': { type: 'string', default: '', help: 'Client key towards peers.', unsupported: noPeers },
  'peer-crl-file': { type: 'string', default: '', help: 'Revocation list of peers.', unsupported: noPeers },
  'experimental-peer-skip-client-san-verification': {
    type: 'bool',
    default: false,
    help: 'Skip verification of SANs of peers.',
    unsupported: noPeers,
  },
  'self-signed-cert-validity': { type: 'uint', default: 1, help: 'Years that certificates of --auto-tls are valid.' },
  'cipher-suites': { type: 'strings', default: [], help: 'List of supported TLS cipher suites, by their Go names.' },
  cors: { type: 'strings', default: ['*'], help: 'List of origins for CORS; empty or * means allow all.' },
  'host-whitelist': {
    type: 'strings',
    default: ['*'],
    help: 'Acceptable hostnames of HTTP requests without TLS; empty or * means allow all.',
  },
  'tls-min-version': { type: 'string', default: 'TLS1.2', help: 'TLS1.2 or TLS1.3.' },
  'tls-max-version': { type: 'string', default: '', help: 'TLS1.2, TLS1.3, or empty for the newest.' },
})

const auth = defineFlags({
  'auth-token': {
    type: 'string',
    default: 'simple',
    help: "Auth token specific options: 'simple', or 'jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=10m'.",
  },
  'auth-token-ttl': { type: 'uint', default: 300, help: 'The lifetime in seconds of the (simple) auth token.' },
  'bcrypt-cost': {
    type: 'uint',
    default: defaultBcryptCost,
    help: 'Bcrypt algorithm cost factor for auth password hashing, between 4 and 31.',
  },
})

const monitoring = defineFlags({
  'enable-pprof': { type: 'bool', default: false, help: 'Profiling by HTTP.', unsupported: 'use node --inspect' },
  metrics: { type: 'string', default: 'basic', help: "'extensive' adds histograms of how long calls take." },
  'listen-metrics-urls': {
    type: 'urls',
    default: [],
    help: 'List of URLs to listen on for the metrics and health endpoints.',
  },
})

const logging = defineFlags({
  logger: { type: 'string', default: 'zap', help: "Only 'zap': lines of JSON." },
  'log-outputs': {
    type: 'strings',
    default: ['default'],
    help: "'default' or 'stderr', 'stdout', paths of files to append to; several are possible.",
  },
  'log-level': { type: 'string', default: 'info', help: 'debug, info, warn, error, panic or fatal.' },
  'enable-log-rotation': {
    type: 'bool',
    default: false,
    help: 'Rotate the log file.',
    unsupported: 'log files are not rotated',
  },
  'log-rotation-config-json': {
    type: 'string',
    default: '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    help: 'Of --enable-log-rotation.',
    unsupported: 'log files are not rotated',
  },
})

const tracing = defineFlags({
  'experimental-enable-distributed-tracing': { type: 'bool', default: false, help: 'Send.', unsupported: noTracing },
  'experimental-distributed-tracing-address': {
    type: 'string',
    default: 'localhost:4317',
    help: 'Collector.',
    unsupported: noTracing,
  },
  'experimental-distributed-tracing-service-name': {
    type: 'string',
    default: 'etcd',
    help: 'Service.',
    unsupported: noTracing,
  },
  'experimental-distributed-tracing-instance-id': {
    type: 'string',
    default: '',
    help: 'Instance.',
    unsupported: noTracing,
  },
  'experimental-distributed-tracing-sampling-rate': { type: 'int', default: 0, help: 'Rate.', unsupported: noTracing },
})

const proxy = defineFlags({
  proxy: { type: 'string', default: 'off', choices: ['off', 'readonly', 'on'], help: "Only 'off'." },
  'proxy-failure-wait': { type: 'uint', default: 5000, help: 'Of --proxy.', unsupported: noV2 },
  'proxy-refresh-interval': { type: 'uint', default: 30_000, help: 'Of --proxy.', unsupported: noV2 },
  'proxy-dial-timeout': { type: 'uint', default: 1000, help: 'Of --proxy.', unsupported: noV2 },
  'proxy-write-timeout': { type: 'uint', default: 5000, help: 'Of --proxy.', unsupported: noV2 },
  'proxy-read-timeout': { type: 'uint', default: 0, help: 'Of --proxy.', unsupported: noV2 },
})

const experimental = defineFlags({
  'experimental-initial-corrupt-check': {
    type: 'bool',
    default: false,
    help: 'Always on: every start checks the store.',
  },
  'experimental-corrupt-check-time': {
    type: 'duration',
    default: 0,
    help: 'Time between corruption checks among members.',
    unsupported: noPeers,
  },
  'experimental-compact-hash-check-enabled': {
    type: 'bool',
    default: false,
    help: 'Corruption checks among members at compactions.',
    unsupported: noPeers,
  },
  'experimental-compact-hash-check-time': {
    type: 'duration',
    default: minute,
    help: 'Time between those checks.',
    unsupported: noPeers,
  },
  'experimental-enable-v2v3': { type: 'string', default: '', help: 'v2 requests by v3.', unsupported: noV2 },
  'experimental-enable-lease-checkpoint': {
    type: 'bool',
    default: false,
    help: 'Keep what is left of leases at a change of leaders.',
    unsupported: noPeers,
  },
  'experimental-enable-lease-checkpoint-persist': {
    type: 'bool',
    default: false,
    help: 'Write what is left of leases to the disk.',
    unsupported: 'leases have their full time again after a restart',
  },
  'experimental-compaction-batch-limit': {
    type: 'int',
    default: 0,
    help: 'Revisions deleted in a compaction batch.',
    unsupported: compactsByItself,
  },
  'experimental-compaction-sleep-interval': {
    type: 'duration',
    default: 0,
    help: 'Time between compaction batches.',
    unsupported: compactsByItself,
  },
  'experimental-watch-progress-notify-interval': {
    type: 'duration',
    default: 10 * minute,
    help: 'Duration of periodic watch progress notifications.',
  },
  'experimental-downgrade-check-time': {
    type: 'duration',
    default: 5 * second,
    help: 'Time between checks of a downgrade.',
    unsupported: noPeers,
  },
  'experimental-memory-mlock': {
    type: 'bool',
    default: false,
    help: 'Keep all memory in RAM.',
    unsupported: 'Node cannot lock its memory',
  },
  'experimental-warning-apply-duration': {
    type: 'duration',
    default: 100,
    help: 'Warn of requests that take longer.',
    unsupported: 'slow requests are not logged',
  },
  'experimental-txn-mode-write-with-shared-buffer': {
    type: 'bool',
    default: true,
    help: 'How write transactions read.',
    unsupported: noBolt,
  },
  'experimental-bootstrap-defrag-threshold-megabytes': {
    type: 'uint',
    default: 0,
    help: 'Defragment at the start when this much can be won.',
    unsupported: 'LevelDB frees space while it runs',
  },
  'experimental-stop-grpc-service-on-defrag': {
    type: 'bool',
    default: false,
    help: 'Say that the server does not serve while it is defragmented.',
    unsupported: 'defragmentation does not stop requests',
  },
  'experimental-snapshot-catchup-entries': {
    type: 'uint',
    default: 5000,
    help: 'Entries kept for slow followers.',
    unsupported: noRaft,
  },
  'watch-progress-notify-interval': {
    type: 'duration',
    default: 10 * minute,
    help: "etcd 3.6's name of --experimental-watch-progress-notify-interval.",
  },
  'feature-gates': { type: 'string', default: '', help: 'Of etcd 3.6.', unsupported: 'etcd-lite has no feature gates' },
})

const unsafe = defineFlags({
  'force-new-cluster': {
    type: 'bool',
    default: false,
    help: 'Force to create a new one-member cluster.',
    unsupported: 'etcd-lite is a cluster of one already',
  },
  'unsafe-no-fsync': { type: 'bool', default: false, help: 'Disables fsync, unsafe, will cause data loss.' },
})

/** By the headings of etcd's help. */
export const flagSections = {
  Member: member,
  Clustering: clustering,
  Security: security,
  Auth: auth,
  'Profiling and Monitoring': monitoring,
  Logging: logging,
  'Experimental distributed tracing': tracing,
  'v2 Proxy': proxy,
  'Experimental feature': experimental,
  'Unsafe feature': unsafe,
} as const

export const etcdFlags = {
  ...member,
  ...clustering,
  ...security,
  ...auth,
  ...monitoring,
  ...logging,
  ...tracing,
  ...proxy,
  ...experimental,
  ...unsafe,
}

/** Flags of the distant past, which etcd takes with any value and ignores. */
export const ignoredFlags: ReadonlySet<string> = new Set([
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
])
