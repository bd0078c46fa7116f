/** Server reflection: which services there are, and the descriptors that tools such as grpcurl need to call them. */
import type { InputOf, OutputOf } from '../../protobuf/message.ts'
import { type Implementation, implementStream } from '../server.ts'
import { grpcCode } from '../status.ts'
import {
  createDescriptorPool,
  type DescriptorFile,
  type DescriptorOptions,
  type DescriptorPool,
} from './descriptors.ts'
import { reflection } from './reflection-messages.ts'

type Request = OutputOf<typeof reflection.v1.request>
type Answer = Omit<InputOf<typeof reflection.v1.response>, 'validHost' | 'originalRequest'>

const notFound = (errorMessage: string): Answer => ({
  errorResponse: { errorCode: grpcCode.notFound, errorMessage },
})

/** A file with all that it imports, each once on a stream. */
const withDependencies = (pool: DescriptorPool, file: DescriptorFile, sent: Set<string>): Buffer[] => {
  const bytes: Buffer[] = []
  const visit = (next: DescriptorFile): void => {
    if (sent.has(next.name)) return
    sent.add(next.name)
    bytes.push(next.bytes)
    for (const name of next.dependencies) {
      const dependency = pool.file(name)
      if (dependency !== undefined) visit(dependency)
    }
  }
  visit(file)
  // A client that asks again for what it was sent gets it again.
  return bytes.length === 0 ? [file.bytes] : bytes
}

const answer = (pool: DescriptorPool, request: Request, sent: Set<string>): Answer => {
  const { fileByFilename, fileContainingSymbol, fileContainingExtension, allExtensionNumbersOfType } = request
  const fileAnswer = (file: DescriptorFile | undefined, asked: string): Answer =>
    file === undefined
      ? notFound(asked)
      : { fileDescriptorResponse: { fileDescriptorProto: withDependencies(pool, file, sent) } }
  if (fileByFilename !== undefined) {
    return fileAnswer(pool.file(fileByFilename), `file not found: ${JSON.stringify(fileByFilename)}`)
  }
  if (fileContainingSymbol !== undefined) {
    return fileAnswer(pool.fileOf(fileContainingSymbol), `symbol not found: ${JSON.stringify(fileContainingSymbol)}`)
  }
  if (fileContainingExtension !== undefined) return notFound('there are no extensions')
  if (allExtensionNumbersOfType !== undefined) {
    return pool.fileOf(allExtensionNumbersOfType) === undefined
      ? notFound(`type not found: ${JSON.stringify(allExtensionNumbersOfType)}`)
      : { allExtensionNumbersResponse: { baseTypeName: allExtensionNumbersOfType } }
  }
  if (request.listServices !== undefined) {
    return { listServicesResponse: { service: pool.services.map((name) => ({ name })) } }
  }
  return { errorResponse: { errorCode: grpcCode.invalidArgument, errorMessage: 'invalid MessageRequest' } }
}

/** Both versions of the reflection service; they describe the given implementations and themselves. */
export const reflectionService = (options: DescriptorOptions): Implementation[] => {
  let pool: DescriptorPool | undefined
  const own: Implementation[] = [reflection.v1, reflection.v1alpha].map((method) =>
    implementStream(method, async (call) => {
      pool ??= createDescriptorPool({ ...options, implementations: [...options.implementations, ...own] })
      const sent = new Set<string>()
      for await (const request of call.requests) {
        call.write({ validHost: request.host, originalRequest: request, ...answer(pool, request, sent) })
      }
    }),
  )
  return own
}
