/** File descriptors made of the message tables of a server's methods: what reflection tells, one file a package. */
import {
  checkFacts,
  type EnumFacts,
  jsonNameOf,
  type MessageFacts,
  oneofOf,
  type ProtoFacts,
  protoNameOf,
} from '../../protobuf/facts.ts'
import type { FieldSpec, MessageDeclaration, ScalarName } from '../../protobuf/types.ts'
import type { Implementation } from '../handler.ts'
import {
  type EnumDescriptorInit,
  type FieldDescriptorInit,
  FileDescriptor,
  fieldLabel,
  fieldType,
  type MessageDescriptorInit,
  type ServiceDescriptorInit,
} from './descriptor-messages.ts'

export interface DescriptorOptions {
  readonly implementations: readonly Implementation[]
  readonly facts: ProtoFacts
  /** The name of each package's .proto file. */
  readonly fileNames: Readonly<Record<string, string>>
}

export interface DescriptorFile {
  readonly name: string
  readonly bytes: Buffer
  readonly dependencies: readonly string[]
}

export interface DescriptorPool {
  readonly services: readonly string[]
  readonly file: (name: string) => DescriptorFile | undefined
  /** The file that declares a message, an enum, a service, or a method or field of one. */
  readonly fileOf: (symbol: string) => DescriptorFile | undefined
}

const scalarTypes: Readonly<Record<ScalarName, number>> = {
  ...fieldType,
  int64big: fieldType.int64,
  uint64big: fieldType.uint64,
}

const packageOf = (fullName: string): string => fullName.slice(0, fullName.lastIndexOf('.'))
const shortName = (fullName: string): string => fullName.slice(fullName.lastIndexOf('.') + 1)

/** All messages that the methods use, each once, and those within them. */
const collectMessages = (roots: readonly MessageDeclaration[]): Map<string, MessageDeclaration> => {
  const found = new Map<string, MessageDeclaration>()
  const add = (message: MessageDeclaration): void => {
    if (found.has(message.name)) return
    found.set(message.name, message)
    for (const [, type] of Object.values(message.fields)) {
      if (typeof type === 'object' && 'fields' in type) add(type)
    }
  }
  for (const root of roots) add(root)
  return found
}

const typeOf = (type: FieldSpec[1], enums: EnumFacts | undefined, where: string) => {
  if (enums !== undefined) return { type: fieldType.enum, typeName: `.${enums.name}` }
  if (typeof type === 'string') return { type: scalarTypes[type] }
  if ('fields' in type) return { type: fieldType.message, typeName: `.${type.name}` }
  throw new TypeError(`${where}: descriptors of ${type.type} fields are not supported`)
}

const describeEnum = ({ name, values }: EnumFacts): EnumDescriptorInit => ({
  name: shortName(name),
  value: Object.entries(values).map(([value, number]) => ({ name: value, number })),
})

const describeField = (
  field: string,
  [number, type, label]: FieldSpec,
  facts: MessageFacts | undefined,
): FieldDescriptorInit => {
  const name = protoNameOf(facts, field)
  const oneof = oneofOf(facts, field)
  return {
    name,
    number,
    label: label === 'repeated' ? fieldLabel.repeated : fieldLabel.optional,
    ...typeOf(type, facts?.enums?.[field], field),
    oneofIndex: oneof === undefined ? undefined : Object.keys(facts?.oneofs ?? {}).indexOf(oneof),
    jsonName: jsonNameOf(name),
  }
}

const describeMessage = ({ name, fields }: MessageDeclaration, facts: MessageFacts = {}): MessageDescriptorInit => {
  checkFacts(name, fields, facts)
  const own = Object.values(facts.enums ?? {}).filter((enumFacts) => packageOf(enumFacts.name) === name)
  return {
    name: shortName(name),
    field: Object.entries(fields).map(([field, spec]) => describeField(field, spec, facts)),
    enumType: own.map(describeEnum),
    oneofDecl: Object.keys(facts.oneofs ?? {}).map((oneof) => ({ name: oneof })),
  }
}

const describeService = (name: string, methods: readonly Implementation[]): ServiceDescriptorInit => ({
  name: shortName(name),
  method: methods.map(({ path, handler }) => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    inputType: `.${handler.request.name}`,
    outputType: `.${handler.response.name}`,
    clientStreaming: handler.kind === 'stream' && handler.clientStreaming,
    serverStreaming: handler.kind === 'stream',
  })),
})

const serviceOf = ({ path }: Implementation): string => path.slice(1, path.lastIndexOf('/'))

/** Describes everything that the implementations use. Throws when a package has no file name. */
export const createDescriptorPool = ({ implementations, facts, fileNames }: DescriptorOptions): DescriptorPool => {
  const messages = collectMessages(implementations.flatMap(({ handler }) => [handler.request, handler.response]))
  const services = Map.groupBy(implementations, serviceOf)
  const enums = new Map(
    [...messages.keys()].flatMap((name) => Object.values(facts[name]?.enums ?? {}).map((item) => [item.name, item])),
  )
  const fileNameOf = (packageName: string): string => {
    const name = fileNames[packageName]
    if (name === undefined) throw new RangeError(`package ${packageName} has no file name`)
    return name
  }
  /** The package of a name that may be nested in a message. */
  const homeOf = (name: string): string =>
    messages.has(packageOf(name)) ? packageOf(packageOf(name)) : packageOf(name)
  const describeFile = (packageName: string): DescriptorFile => {
    const name = fileNameOf(packageName)
    const own = [...messages.values()].filter((message) => packageOf(message.name) === packageName)
    const ownServices = [...services].filter(([service]) => packageOf(service) === packageName)
    const used = collectMessages([
      ...own,
      ...ownServices.flatMap(([, methods]) => methods.flatMap(({ handler }) => [handler.request, handler.response])),
    ])
    const packages = new Set([...used.keys()].map(packageOf))
    packages.delete(packageName)
    const dependencies = [...packages].map(fileNameOf)
    const file = {
      name,
      package: packageName,
      dependency: dependencies,
      messageType: own.map((message) => describeMessage(message, facts[message.name])),
      enumType: [...enums.values()].filter((item) => packageOf(item.name) === packageName).map(describeEnum),
      service: ownServices.map(([service, methods]) => describeService(service, methods)),
      syntax: 'proto3',
    }
    return { name, dependencies, bytes: FileDescriptor.encode(file) }
  }
  const packages = new Set([...[...messages.keys()].map(packageOf), ...[...services.keys()].map(packageOf)])
  const files = new Map([...packages].map((name) => [name, describeFile(name)]))
  const known = new Set([...messages.keys(), ...services.keys(), ...enums.keys()])
  return {
    services: [...services.keys()].toSorted(),
    file: (name) => [...files.values()].find((file) => file.name === name),
    fileOf: (symbol) => {
      const declared = known.has(symbol) ? symbol : packageOf(symbol)
      return known.has(declared) ? files.get(homeOf(declared)) : undefined
    },
  }
}
