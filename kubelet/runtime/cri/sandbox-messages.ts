/** CRI v1: pod sandboxes. */
import { enumeration, message, type InputOf, type OutputOf } from '../../../component-base/protobuf/message.ts'
import {
  GroupsPolicy,
  Int64Value,
  labelMap,
  LinuxContainerResources,
  NamespaceOption,
  Protocol,
  SecurityProfile,
} from './common-messages.ts'

const SandboxState = enumeration({ ready: 0, notReady: 1 })

export const PodSandboxMetadata = message('runtime.v1.PodSandboxMetadata', {
  name: [1, 'string'],
  uid: [2, 'string'],
  namespace: [3, 'string'],
  attempt: [4, 'uint32'],
})

const LinuxSandboxSecurityContext = message('runtime.v1.LinuxSandboxSecurityContext', {
  namespaceOptions: [1, NamespaceOption],
  runAsUser: [3, Int64Value],
  readonlyRootfs: [4, 'bool'],
  supplementalGroups: [5, 'int64', 'repeated'],
  privileged: [6, 'bool'],
  runAsGroup: [8, Int64Value],
  seccomp: [9, SecurityProfile],
  apparmor: [10, SecurityProfile],
  supplementalGroupsPolicy: [11, GroupsPolicy],
})

export const PodSandboxConfig = message('runtime.v1.PodSandboxConfig', {
  metadata: [1, PodSandboxMetadata],
  hostname: [2, 'string'],
  logDirectory: [3, 'string'],
  dnsConfig: [
    4,
    message('runtime.v1.DNSConfig', {
      servers: [1, 'string', 'repeated'],
      searches: [2, 'string', 'repeated'],
      options: [3, 'string', 'repeated'],
    }),
  ],
  portMappings: [
    5,
    message('runtime.v1.PortMapping', {
      protocol: [1, Protocol],
      containerPort: [2, 'int32'],
      hostPort: [3, 'int32'],
      hostIp: [4, 'string'],
    }),
    'repeated',
  ],
  labels: [6, labelMap],
  annotations: [7, labelMap],
  linux: [
    8,
    message('runtime.v1.LinuxPodSandboxConfig', {
      cgroupParent: [1, 'string'],
      securityContext: [2, LinuxSandboxSecurityContext],
      sysctls: [3, labelMap],
      overhead: [4, LinuxContainerResources],
      resources: [5, LinuxContainerResources],
    }),
  ],
})
export type PodSandboxConfigInit = InputOf<typeof PodSandboxConfig>

export const RunPodSandboxRequest = message('runtime.v1.RunPodSandboxRequest', {
  config: [1, PodSandboxConfig],
  runtimeHandler: [2, 'string'],
})
export const RunPodSandboxResponse = message('runtime.v1.RunPodSandboxResponse', { podSandboxId: [1, 'string'] })
export const StopPodSandboxRequest = message('runtime.v1.StopPodSandboxRequest', { podSandboxId: [1, 'string'] })
export const StopPodSandboxResponse = message('runtime.v1.StopPodSandboxResponse', {})
export const RemovePodSandboxRequest = message('runtime.v1.RemovePodSandboxRequest', { podSandboxId: [1, 'string'] })
export const RemovePodSandboxResponse = message('runtime.v1.RemovePodSandboxResponse', {})

export const PodSandboxStatusRequest = message('runtime.v1.PodSandboxStatusRequest', {
  podSandboxId: [1, 'string'],
  verbose: [2, 'bool'],
})
const PodIP = message('runtime.v1.PodIP', { ip: [1, 'string'] })
export const PodSandboxStatus = message('runtime.v1.PodSandboxStatus', {
  id: [1, 'string'],
  metadata: [2, PodSandboxMetadata],
  state: [3, SandboxState],
  createdAt: [4, 'int64'],
  network: [
    5,
    message('runtime.v1.PodSandboxNetworkStatus', { ip: [1, 'string'], additionalIps: [2, PodIP, 'repeated'] }),
  ],
  linux: [
    6,
    message('runtime.v1.LinuxPodSandboxStatus', {
      namespaces: [1, message('runtime.v1.Namespace', { options: [2, NamespaceOption] })],
    }),
  ],
  labels: [7, labelMap],
  annotations: [8, labelMap],
  runtimeHandler: [9, 'string'],
})
export type PodSandboxStatus = OutputOf<typeof PodSandboxStatus>
export const PodSandboxStatusResponse = message('runtime.v1.PodSandboxStatusResponse', {
  status: [1, PodSandboxStatus],
  info: [2, labelMap],
})

export const ListPodSandboxRequest = message('runtime.v1.ListPodSandboxRequest', {
  filter: [
    1,
    message('runtime.v1.PodSandboxFilter', {
      id: [1, 'string'],
      state: [2, message('runtime.v1.PodSandboxStateValue', { state: [1, SandboxState] })],
      labelSelector: [3, labelMap],
    }),
  ],
})
export const PodSandbox = message('runtime.v1.PodSandbox', {
  id: [1, 'string'],
  metadata: [2, PodSandboxMetadata],
  state: [3, SandboxState],
  createdAt: [4, 'int64'],
  labels: [5, labelMap],
  annotations: [6, labelMap],
  runtimeHandler: [7, 'string'],
})
export type PodSandbox = OutputOf<typeof PodSandbox>
export const ListPodSandboxResponse = message('runtime.v1.ListPodSandboxResponse', {
  items: [1, PodSandbox, 'repeated'],
})
