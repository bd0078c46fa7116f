/** What gRPC's own .proto files say beyond the wire format. */
import type { MessageFacts, ProtoFacts } from '../protobuf/facts.ts'

const reflectionRequest: MessageFacts = {
  oneofs: {
    message_request: [
      'fileByFilename',
      'fileContainingSymbol',
      'fileContainingExtension',
      'allExtensionNumbersOfType',
      'listServices',
    ],
  },
}
const reflectionResponse: MessageFacts = {
  oneofs: {
    message_response: [
      'fileDescriptorResponse',
      'allExtensionNumbersResponse',
      'listServicesResponse',
      'errorResponse',
    ],
  },
}

export const grpcProtoFacts: ProtoFacts = {
  'grpc.health.v1.HealthCheckResponse': {
    enums: {
      status: {
        name: 'grpc.health.v1.HealthCheckResponse.ServingStatus',
        values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 },
      },
    },
  },
  'grpc.reflection.v1.ServerReflectionRequest': reflectionRequest,
  'grpc.reflection.v1.ServerReflectionResponse': reflectionResponse,
  'grpc.reflection.v1alpha.ServerReflectionRequest': reflectionRequest,
  'grpc.reflection.v1alpha.ServerReflectionResponse': reflectionResponse,
}

/** The names of gRPC's own .proto files, by package. */
export const grpcFileNames = {
  'grpc.health.v1': 'grpc/health/v1/health.proto',
  'grpc.reflection.v1': 'grpc/reflection/v1/reflection.proto',
  'grpc.reflection.v1alpha': 'grpc/reflection/v1alpha/reflection.proto',
} as const
