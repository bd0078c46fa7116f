/** Flags of kube-apiserver's that are known and do nothing here: each says so when it is set. */
import { defineFlags } from '../../component-base/flags/flags.ts'

const notYet = 'not implemented yet'
const noPeers = 'API servers do not forward to each other'
const oneVersion = 'no other version than v1.36 is emulated'
const ownProbes = 'the store is asked at each health check'

export const otherFlags = defineFlags({
  // The store
  'etcd-count-metric-poll-period': {
    type: 'duration',
    default: 60_000,
    help: 'Frequency of polling etcd for number of resources per type. 0 disables the metric collection.',
    unsupported: 'objects are not counted',
  },
  'etcd-db-metric-poll-interval': {
    type: 'duration',
    default: 30_000,
    help: 'The interval of requests to poll etcd and update metric. 0 disables the metric collection.',
    unsupported: 'the size of the store is not polled',
  },
  'etcd-healthcheck-timeout': {
    type: 'duration',
    default: 2_000,
    help: 'The timeout to use when checking etcd health.',
    unsupported: ownProbes,
  },
  'etcd-readycheck-timeout': {
    type: 'duration',
    default: 2_000,
    help: 'The timeout to use when checking etcd readiness.',
    unsupported: ownProbes,
  },
  'lease-reuse-duration-seconds': {
    type: 'int',
    default: 60,
    help: 'The time in seconds that each lease is reused.',
    unsupported: 'leases are reused by a rule of our own',
  },
  'enable-garbage-collector': {
    type: 'bool',
    default: true,
    help: 'Enables the generic garbage collector. Must be synced with the flag of the kube-controller-manager.',
    unsupported: 'it is always on',
  },
  'storage-initialization-timeout': {
    type: 'duration',
    default: 60_000,
    help: 'Maximum amount of time to wait for storage initialization before declaring the server ready.',
    unsupported: notYet,
  },
  // Serving
  'shutdown-watch-termination-grace-period': {
    type: 'duration',
    default: 0,
    help: 'Maximum time the server waits for watches to end during its termination.',
    unsupported: 'watches are ended at once, in order',
  },
  'tls-curve-preferences': {
    type: 'strings',
    default: [],
    help: 'Comma-separated list of curves, in order of preference.',
    unsupported: 'the defaults of Node.js are used',
  },
  'tracing-config-file': {
    type: 'string',
    default: '',
    help: 'File with apiserver tracing configuration.',
    unsupported: notYet,
  },
  // Other API servers
  'peer-advertise-ip': {
    type: 'string',
    default: '',
    help: 'The IP by which other API servers reach this one to forward requests.',
    unsupported: noPeers,
  },
  'peer-advertise-port': {
    type: 'string',
    default: '',
    help: 'The port by which other API servers reach this one to forward requests.',
    unsupported: noPeers,
  },
  'peer-ca-file': {
    type: 'string',
    default: '',
    help: 'CA bundle that verifies the serving certificates of other API servers.',
    unsupported: noPeers,
  },
  'coordinated-leadership-lease-duration': {
    type: 'duration',
    default: 15_000,
    help: 'The duration of the lease used for Coordinated Leader Election.',
    unsupported: notYet,
  },
  'coordinated-leadership-renew-deadline': {
    type: 'duration',
    default: 10_000,
    help: 'The deadline for renewing a lease in Coordinated Leader Election.',
    unsupported: notYet,
  },
  'coordinated-leadership-retry-period': {
    type: 'duration',
    default: 2_000,
    help: 'The period for retrying to renew a lease in Coordinated Leader Election.',
    unsupported: notYet,
  },
  // Versions
  'emulation-forward-compatible': {
    type: 'bool',
    default: false,
    help: 'Serve newer APIs than those of the emulated version.',
    unsupported: oneVersion,
  },
  'min-compatibility-version': {
    type: 'strings',
    default: [],
    help: 'The oldest versions of control plane components that must be compatible with this one.',
    unsupported: oneVersion,
  },
  'runtime-config-emulation-forward-compatible': {
    type: 'bool',
    default: false,
    help: 'Serve APIs that are named in --runtime-config though the emulated version does not have them.',
    unsupported: oneVersion,
  },
  // Metrics
  'allow-metric-labels': {
    type: 'map',
    default: {},
    help: 'Values that labels of metrics may have; others become "unexpected".',
    unsupported: notYet,
  },
  'allow-metric-labels-manifest': {
    type: 'string',
    default: '',
    help: 'File with the values that labels of metrics may have.',
    unsupported: notYet,
  },
  'disabled-metrics': {
    type: 'strings',
    default: [],
    help: 'Fully qualified names of metrics to leave out.',
    unsupported: notYet,
  },
})
