/** CRI v1 (runtime.v1): enums and messages that several services use. Field numbers are upstream's. */
import { enumeration, mapOf, message, type InputOf, type OutputOf } from '../../../component-base/protobuf/message.ts'

export const labelMap = mapOf('string', 'string')

export const Protocol = enumeration({ TCP: 0, UDP: 1, SCTP: 2 })
export const MountPropagation = enumeration({ private: 0, hostToContainer: 1, bidirectional: 2 })
export const NamespaceMode = enumeration({ POD: 0, CONTAINER: 1, NODE: 2, TARGET: 3 })
export const GroupsPolicy = enumeration({ Merge: 0, Strict: 1 })
export const ProfileType = enumeration({ RuntimeDefault: 0, Unconfined: 1, Localhost: 2 })

/** Numbers of CRI's Signal: Linux's names in the order of the alphabet, then the real-time ones. */
const realTime = [
  ...Array.from({ length: 16 }, (_, index) => `SIGRTMIN${index === 0 ? '' : `PLUS${index}`}`),
  ...Array.from({ length: 14 }, (_, index) => `SIGRTMAXMINUS${14 - index}`),
  'SIGRTMAX',
]
const signalNames = [
  'RUNTIME_DEFAULT',
  ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ'
    .split(' ')
    .map((name) => `SIG${name}`),
  ...realTime,
]
/** Names as the API spells them (`SIGRTMIN+3`) by CRI's number. */
export const signalNumber = (name: string): number =>
  Math.max(0, signalNames.indexOf(name.replace('+', 'PLUS').replace('-', 'MINUS')))

export const Int64Value = message('runtime.v1.Int64Value', { value: [1, 'int64'] })
export const UInt64Value = message('runtime.v1.UInt64Value', { value: [1, 'uint64'] })

export const ImageSpec = message('runtime.v1.ImageSpec', {
  image: [1, 'string'],
  annotations: [2, labelMap],
  userSpecifiedImage: [18, 'string'],
  runtimeHandler: [19, 'string'],
  imageRef: [20, 'string'],
})

export const SecurityProfile = message('runtime.v1.SecurityProfile', {
  profileType: [1, ProfileType],
  localhostRef: [2, 'string'],
})

export const NamespaceOption = message('runtime.v1.NamespaceOption', {
  network: [1, NamespaceMode],
  pid: [2, NamespaceMode],
  ipc: [3, NamespaceMode],
  targetId: [4, 'string'],
})
export type NamespaceOptionInit = InputOf<typeof NamespaceOption>

export const LinuxContainerResources = message('runtime.v1.LinuxContainerResources', {
  cpuPeriod: [1, 'int64'],
  cpuQuota: [2, 'int64'],
  cpuShares: [3, 'int64'],
  memoryLimitInBytes: [4, 'int64'],
  oomScoreAdj: [5, 'int64'],
  cpusetCpus: [6, 'string'],
  cpusetMems: [7, 'string'],
  unified: [9, labelMap],
  memorySwapLimitInBytes: [10, 'int64'],
})
export type LinuxContainerResourcesInit = InputOf<typeof LinuxContainerResources>

export const Mount = message('runtime.v1.Mount', {
  containerPath: [1, 'string'],
  hostPath: [2, 'string'],
  readonly: [3, 'bool'],
  propagation: [5, MountPropagation],
  recursiveReadOnly: [8, 'bool'],
  image: [9, ImageSpec],
  imageSubPath: [10, 'string'],
})

/** How much of a file system something takes. */
export const FilesystemUsage = message('runtime.v1.FilesystemUsage', {
  timestamp: [1, 'int64'],
  fsId: [2, message('runtime.v1.FilesystemIdentifier', { mountpoint: [1, 'string'] })],
  usedBytes: [3, UInt64Value],
  inodesUsed: [4, UInt64Value],
})
export type FilesystemUsage = OutputOf<typeof FilesystemUsage>
