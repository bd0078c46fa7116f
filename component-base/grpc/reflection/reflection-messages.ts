/** grpc.reflection, in both versions: they differ in nothing but their names. */
import { message } from '../../protobuf/message.ts'
import { bidi } from '../method.ts'

const declare = <const Package extends string>(packageName: Package) => {
  const named = <const Name extends string>(name: Name) => `${packageName}.${name}` as const
  const ExtensionRequest = message(named('ExtensionRequest'), {
    containingType: [1, 'string'],
    extensionNumber: [2, 'int32'],
  })
  const Request = message(named('ServerReflectionRequest'), {
    host: [1, 'string'],
    fileByFilename: [3, 'string', 'optional'],
    fileContainingSymbol: [4, 'string', 'optional'],
    fileContainingExtension: [5, ExtensionRequest],
    allExtensionNumbersOfType: [6, 'string', 'optional'],
    listServices: [7, 'string', 'optional'],
  })
  const Response = message(named('ServerReflectionResponse'), {
    validHost: [1, 'string'],
    originalRequest: [2, Request],
    fileDescriptorResponse: [
      4,
      message(named('FileDescriptorResponse'), { fileDescriptorProto: [1, 'bytes', 'repeated'] }),
    ],
    allExtensionNumbersResponse: [
      5,
      message(named('ExtensionNumberResponse'), {
        baseTypeName: [1, 'string'],
        extensionNumber: [2, 'int32', 'repeated'],
      }),
    ],
    listServicesResponse: [
      6,
      message(named('ListServiceResponse'), {
        service: [1, message(named('ServiceResponse'), { name: [1, 'string'] }), 'repeated'],
      }),
    ],
    errorResponse: [7, message(named('ErrorResponse'), { errorCode: [1, 'int32'], errorMessage: [2, 'string'] })],
  })
  return bidi(`/${packageName}.ServerReflection/ServerReflectionInfo`, Request, Response)
}

export const reflection = {
  v1: declare('grpc.reflection.v1'),
  v1alpha: declare('grpc.reflection.v1alpha'),
} as const
