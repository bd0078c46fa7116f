/** grpc.health.v1. */
import { message } from '../protobuf/message.ts'
import { serverStream, unary } from './method.ts'

export const servingStatus = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const
export const HealthCheckRequest = message('grpc.health.v1.HealthCheckRequest', { service: [1, 'string'] })
export const HealthCheckResponse = message('grpc.health.v1.HealthCheckResponse', { status: [1, 'int32'] })

export const health = {
  check: unary('/grpc.health.v1.Health/Check', HealthCheckRequest, HealthCheckResponse),
  watch: serverStream('/grpc.health.v1.Health/Watch', HealthCheckRequest, HealthCheckResponse),
} as const
