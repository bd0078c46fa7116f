/** The flags of auditing. Upstream: k8s.io/apiserver/pkg/server/options/audit.go */
import { defineFlags } from '../../component-base/flags/flags.ts'

export const auditFlags = defineFlags({
  'audit-policy-file': {
    type: 'string',
    default: '',
    help: 'Path to the file that defines the audit policy configuration.',
  },
  'audit-log-path': {
    type: 'string',
    default: '',
    help: "If set, all requests coming to the apiserver will be logged to this file. '-' means standard out.",
  },
  'audit-log-maxage': {
    type: 'int',
    default: 366,
    help: 'The maximum number of days to retain old audit log files. 0 means old files are not removed based on age.',
  },
  'audit-log-maxbackup': {
    type: 'int',
    default: 100,
    help: 'The maximum number of old audit log files to retain. 0 means there is no restriction on the number of files.',
  },
  'audit-log-maxsize': {
    type: 'int',
    default: 100,
    help: 'The maximum size in megabytes of the audit log file before it gets rotated. 0 disables rotation.',
  },
  'audit-log-compress': {
    type: 'bool',
    default: false,
    help: 'If set, the rotated log files will be compressed using gzip.',
  },
  'audit-log-format': {
    type: 'string',
    default: 'json',
    help: 'Format of saved audits: legacy is 1-line text for each event, json is structured json. Known formats are legacy,json.',
  },
  'audit-log-version': {
    type: 'string',
    default: 'audit.k8s.io/v1',
    help: 'API group and version used for serializing audit events written to log.',
  },
  'audit-log-mode': {
    type: 'string',
    default: 'blocking',
    help: 'Strategy for sending audit events. Known modes are batch,blocking,blocking-strict.',
  },
  'audit-log-batch-buffer-size': {
    type: 'int',
    default: 10_000,
    help: 'The size of the buffer to store events before batching and writing. Only used in batch mode.',
  },
  'audit-log-batch-max-size': {
    type: 'int',
    default: 1,
    help: 'The maximum size of a batch. Only used in batch mode.',
  },
  'audit-log-batch-max-wait': {
    type: 'duration',
    default: 0,
    help: "The amount of time to wait before force writing the batch that hadn't reached the max size. Only used in batch mode.",
  },
  'audit-log-batch-throttle-enable': {
    type: 'bool',
    default: false,
    help: 'Whether batching throttling is enabled. Only used in batch mode.',
  },
  'audit-log-batch-throttle-qps': {
    type: 'float',
    default: 0,
    help: 'Maximum average number of batches per second. Only used in batch mode.',
  },
  'audit-log-batch-throttle-burst': {
    type: 'int',
    default: 0,
    help: 'Maximum number of requests sent at the same moment if ThrottleQPS was not utilized before. Only used in batch mode.',
  },
  'audit-log-truncate-enabled': {
    type: 'bool',
    default: false,
    help: 'Whether event and batch truncating is enabled.',
  },
  'audit-log-truncate-max-batch-size': {
    type: 'int',
    default: 10_485_760,
    help: 'Maximum size of the batch sent to the underlying backend. If a batch exceeds this limit, it is split.',
  },
  'audit-log-truncate-max-event-size': {
    type: 'int',
    default: 102_400,
    help: 'Maximum size of the audit event sent to the underlying backend. Beyond it first request and response are removed, and if that is not enough, the event is discarded.',
  },
  'audit-webhook-config-file': {
    type: 'string',
    default: '',
    help: 'Path to a kubeconfig formatted file that defines the audit webhook configuration.',
  },
  'audit-webhook-initial-backoff': {
    type: 'duration',
    default: 10_000,
    help: 'The amount of time to wait before retrying the first failed request.',
  },
  'audit-webhook-batch-initial-backoff': {
    type: 'duration',
    default: 10_000,
    help: 'Deprecated, use --audit-webhook-initial-backoff instead.',
  },
  'audit-webhook-version': {
    type: 'string',
    default: 'audit.k8s.io/v1',
    help: 'API group and version used for serializing audit events written to webhook.',
  },
  'audit-webhook-mode': {
    type: 'string',
    default: 'batch',
    help: 'Strategy for sending audit events. Known modes are batch,blocking,blocking-strict.',
  },
  'audit-webhook-batch-buffer-size': {
    type: 'int',
    default: 10_000,
    help: 'The size of the buffer to store events before batching and writing. Only used in batch mode.',
  },
  'audit-webhook-batch-max-size': {
    type: 'int',
    default: 400,
    help: 'The maximum size of a batch. Only used in batch mode.',
  },
  'audit-webhook-batch-max-wait': {
    type: 'duration',
    default: 30_000,
    help: "The amount of time to wait before force writing the batch that hadn't reached the max size. Only used in batch mode.",
  },
  'audit-webhook-batch-throttle-enable': {
    type: 'bool',
    default: true,
    help: 'Whether batching throttling is enabled. Only used in batch mode.',
  },
  'audit-webhook-batch-throttle-qps': {
    type: 'float',
    default: 10,
    help: 'Maximum average number of batches per second. Only used in batch mode.',
  },
  'audit-webhook-batch-throttle-burst': {
    type: 'int',
    default: 15,
    help: 'Maximum number of requests sent at the same moment if ThrottleQPS was not utilized before. Only used in batch mode.',
  },
  'audit-webhook-truncate-enabled': {
    type: 'bool',
    default: false,
    help: 'Whether event and batch truncating is enabled.',
  },
  'audit-webhook-truncate-max-batch-size': {
    type: 'int',
    default: 10_485_760,
    help: 'Maximum size of the batch sent to the underlying backend. If a batch exceeds this limit, it is split.',
  },
  'audit-webhook-truncate-max-event-size': {
    type: 'int',
    default: 102_400,
    help: 'Maximum size of the audit event sent to the underlying backend. Beyond it first request and response are removed, and if that is not enough, the event is discarded.',
  },
})
