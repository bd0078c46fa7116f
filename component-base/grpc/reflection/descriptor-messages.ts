/** google.protobuf's descriptors, as far as proto3 files without options need them. */
import { message, type InputOf } from '../../protobuf/message.ts'

const EnumValueDescriptor = message('google.protobuf.EnumValueDescriptorProto', {
  name: [1, 'string', 'optional'],
  number: [2, 'int32', 'optional'],
})
const EnumDescriptor = message('google.protobuf.EnumDescriptorProto', {
  name: [1, 'string', 'optional'],
  value: [2, EnumValueDescriptor, 'repeated'],
})
const FieldDescriptor = message('google.protobuf.FieldDescriptorProto', {
  name: [1, 'string', 'optional'],
  number: [3, 'int32', 'optional'],
  label: [4, 'int32', 'optional'],
  type: [5, 'int32', 'optional'],
  typeName: [6, 'string', 'optional'],
  oneofIndex: [9, 'int32', 'optional'],
  jsonName: [10, 'string', 'optional'],
})
const OneofDescriptor = message('google.protobuf.OneofDescriptorProto', { name: [1, 'string', 'optional'] })
const MessageDescriptor = message('google.protobuf.DescriptorProto', {
  name: [1, 'string', 'optional'],
  field: [2, FieldDescriptor, 'repeated'],
  enumType: [4, EnumDescriptor, 'repeated'],
  oneofDecl: [8, OneofDescriptor, 'repeated'],
})
const MethodDescriptor = message('google.protobuf.MethodDescriptorProto', {
  name: [1, 'string', 'optional'],
  inputType: [2, 'string', 'optional'],
  outputType: [3, 'string', 'optional'],
  clientStreaming: [5, 'bool'],
  serverStreaming: [6, 'bool'],
})
const ServiceDescriptor = message('google.protobuf.ServiceDescriptorProto', {
  name: [1, 'string', 'optional'],
  method: [2, MethodDescriptor, 'repeated'],
})
export const FileDescriptor = message('google.protobuf.FileDescriptorProto', {
  name: [1, 'string', 'optional'],
  package: [2, 'string', 'optional'],
  dependency: [3, 'string', 'repeated'],
  messageType: [4, MessageDescriptor, 'repeated'],
  enumType: [5, EnumDescriptor, 'repeated'],
  service: [6, ServiceDescriptor, 'repeated'],
  syntax: [12, 'string', 'optional'],
})

export type EnumDescriptorInit = InputOf<typeof EnumDescriptor>
export type FieldDescriptorInit = InputOf<typeof FieldDescriptor>
export type MessageDescriptorInit = InputOf<typeof MessageDescriptor>
export type ServiceDescriptorInit = InputOf<typeof ServiceDescriptor>

export const fieldLabel = { optional: 1, repeated: 3 } as const
export const fieldType = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sint32: 17,
} as const
