/** What is counted of calls, as go-grpc-prometheus names it, and etcd's bytes of all of them. */
import type { CallCounters } from '../../component-base/grpc/call-counters.ts'
import type { Implementation } from '../../component-base/grpc/handler.ts'
import { grpcCode, grpcCodeName } from '../../component-base/grpc/status.ts'
import type { Family, Labels } from '../../component-base/metrics/exposition.ts'
import { counter } from './families.ts'

interface CountedMethod {
  readonly implementation: Implementation
  readonly counters: CallCounters
}

const callType = ({ handler }: Implementation): string => {
  if (handler.kind === 'unary') return 'unary'
  return handler.clientStreaming ? 'bidi_stream' : 'server_stream'
}

const labelsOf = ({ implementation }: CountedMethod): Labels => {
  const [, service = '', method = ''] = implementation.path.split('/')
  return { grpc_method: method, grpc_service: service, grpc_type: callType(implementation) }
}

const codes = Object.values(grpcCode)

export const grpcFamilies = (methods: readonly CountedMethod[]): Family[] => {
  const perMethod = (name: string, help: string, read: (counters: CallCounters) => number): Family => ({
    name,
    help,
    type: 'counter',
    samples: methods.map((method) => ({ labels: labelsOf(method), value: read(method.counters) })),
  })
  const sum = (read: (counters: CallCounters) => number): number =>
    methods.reduce((total, { counters }) => total + read(counters), 0)
  return [
    perMethod('grpc_server_started_total', 'Total number of RPCs started on the server.', ({ started }) => started),
    perMethod(
      'grpc_server_msg_received_total',
      'Total number of RPC stream messages received on the server.',
      ({ received }) => received,
    ),
    perMethod(
      'grpc_server_msg_sent_total',
      'Total number of gRPC stream messages sent by the server.',
      ({ sent }) => sent,
    ),
    {
      name: 'grpc_server_handled_total',
      help: 'Total number of RPCs completed on the server, regardless of success or failure.',
      type: 'counter',
      samples: methods.flatMap((method) =>
        codes.map((code) => ({
          labels: { grpc_code: grpcCodeName(code), ...labelsOf(method) },
          value: method.counters.ended[code] ?? 0,
        })),
      ),
    },
    {
      name: 'grpc_server_handling_seconds',
      help: 'Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.',
      type: 'histogram',
      samples: methods.flatMap((method) => {
        const { durations } = method.counters
        return durations === undefined ? [] : [{ labels: labelsOf(method), histogram: durations }]
      }),
    },
    counter(
      'etcd_network_client_grpc_received_bytes_total',
      'The total number of bytes received from grpc clients.',
      sum(({ receivedBytes }) => receivedBytes),
    ),
    counter(
      'etcd_network_client_grpc_sent_bytes_total',
      'The total number of bytes sent to grpc clients.',
      sum(({ sentBytes }) => sentBytes),
    ),
  ]
}
