/** CRI v1: containers. */
import { enumeration, message, type InputOf, type OutputOf } from '../../../component-base/protobuf/message.ts'
import {
  FilesystemUsage,
  GroupsPolicy,
  ImageSpec,
  Int64Value,
  labelMap,
  LinuxContainerResources,
  Mount,
  NamespaceOption,
  SecurityProfile,
  UInt64Value,
} from './common-messages.ts'
import { PodSandboxConfig } from './sandbox-messages.ts'

const State = enumeration({ created: 0, running: 1, exited: 2, unknown: 3 })

const ContainerMetadata = message('runtime.v1.ContainerMetadata', { name: [1, 'string'], attempt: [2, 'uint32'] })

const LinuxContainerSecurityContext = message('runtime.v1.LinuxContainerSecurityContext', {
  capabilities: [
    1,
    message('runtime.v1.Capability', {
      addCapabilities: [1, 'string', 'repeated'],
      dropCapabilities: [2, 'string', 'repeated'],
    }),
  ],
  privileged: [2, 'bool'],
  namespaceOptions: [3, NamespaceOption],
  runAsUser: [5, Int64Value],
  runAsUsername: [6, 'string'],
  readonlyRootfs: [7, 'bool'],
  supplementalGroups: [8, 'int64', 'repeated'],
  // Runtimes before 1.24 of CRI know the profiles by these two alone.
  apparmorProfile: [9, 'string'],
  seccompProfilePath: [10, 'string'],
  noNewPrivs: [11, 'bool'],
  runAsGroup: [12, Int64Value],
  maskedPaths: [13, 'string', 'repeated'],
  readonlyPaths: [14, 'string', 'repeated'],
  seccomp: [15, SecurityProfile],
  apparmor: [16, SecurityProfile],
  supplementalGroupsPolicy: [17, GroupsPolicy],
})
export type LinuxContainerSecurityContextInit = InputOf<typeof LinuxContainerSecurityContext>

export const ContainerConfig = message('runtime.v1.ContainerConfig', {
  metadata: [1, ContainerMetadata],
  image: [2, ImageSpec],
  command: [3, 'string', 'repeated'],
  args: [4, 'string', 'repeated'],
  workingDir: [5, 'string'],
  envs: [6, message('runtime.v1.KeyValue', { key: [1, 'string'], value: [2, 'string'] }), 'repeated'],
  mounts: [7, Mount, 'repeated'],
  devices: [
    8,
    message('runtime.v1.Device', { containerPath: [1, 'string'], hostPath: [2, 'string'], permissions: [3, 'string'] }),
    'repeated',
  ],
  labels: [9, labelMap],
  annotations: [10, labelMap],
  logPath: [11, 'string'],
  stdin: [12, 'bool'],
  stdinOnce: [13, 'bool'],
  tty: [14, 'bool'],
  linux: [
    15,
    message('runtime.v1.LinuxContainerConfig', {
      resources: [1, LinuxContainerResources],
      securityContext: [2, LinuxContainerSecurityContext],
    }),
  ],
  cdiDevices: [17, message('runtime.v1.CDIDevice', { name: [1, 'string'] }), 'repeated'],
  stopSignal: [18, 'int32'],
})
export type ContainerConfigInit = InputOf<typeof ContainerConfig>

export const CreateContainerRequest = message('runtime.v1.CreateContainerRequest', {
  podSandboxId: [1, 'string'],
  config: [2, ContainerConfig],
  sandboxConfig: [3, PodSandboxConfig],
})
export const CreateContainerResponse = message('runtime.v1.CreateContainerResponse', { containerId: [1, 'string'] })
export const StartContainerRequest = message('runtime.v1.StartContainerRequest', { containerId: [1, 'string'] })
export const StartContainerResponse = message('runtime.v1.StartContainerResponse', {})
export const StopContainerRequest = message('runtime.v1.StopContainerRequest', {
  containerId: [1, 'string'],
  timeout: [2, 'int64'],
})
export const StopContainerResponse = message('runtime.v1.StopContainerResponse', {})
export const RemoveContainerRequest = message('runtime.v1.RemoveContainerRequest', { containerId: [1, 'string'] })
export const RemoveContainerResponse = message('runtime.v1.RemoveContainerResponse', {})

export const ListContainersRequest = message('runtime.v1.ListContainersRequest', {
  filter: [
    1,
    message('runtime.v1.ContainerFilter', {
      id: [1, 'string'],
      state: [2, message('runtime.v1.ContainerStateValue', { state: [1, State] })],
      podSandboxId: [3, 'string'],
      labelSelector: [4, labelMap],
    }),
  ],
})
export const Container = message('runtime.v1.Container', {
  id: [1, 'string'],
  podSandboxId: [2, 'string'],
  metadata: [3, ContainerMetadata],
  image: [4, ImageSpec],
  imageRef: [5, 'string'],
  state: [6, State],
  createdAt: [7, 'int64'],
  labels: [8, labelMap],
  annotations: [9, labelMap],
  imageId: [10, 'string'],
})
export type Container = OutputOf<typeof Container>
export const ListContainersResponse = message('runtime.v1.ListContainersResponse', {
  containers: [1, Container, 'repeated'],
})

export const ContainerStatusRequest = message('runtime.v1.ContainerStatusRequest', {
  containerId: [1, 'string'],
  verbose: [2, 'bool'],
})
export const ContainerStatus = message('runtime.v1.ContainerStatus', {
  id: [1, 'string'],
  metadata: [2, ContainerMetadata],
  state: [3, State],
  createdAt: [4, 'int64'],
  startedAt: [5, 'int64'],
  finishedAt: [6, 'int64'],
  exitCode: [7, 'int32'],
  image: [8, ImageSpec],
  imageRef: [9, 'string'],
  reason: [10, 'string'],
  message: [11, 'string'],
  labels: [12, labelMap],
  annotations: [13, labelMap],
  logPath: [15, 'string'],
  resources: [16, message('runtime.v1.ContainerResources', { linux: [1, LinuxContainerResources] })],
  imageId: [17, 'string'],
  user: [
    18,
    message('runtime.v1.ContainerUser', {
      linux: [
        1,
        message('runtime.v1.LinuxContainerUser', {
          uid: [1, 'int64'],
          gid: [2, 'int64'],
          supplementalGroups: [3, 'int64', 'repeated'],
        }),
      ],
    }),
  ],
})
export type ContainerStatus = OutputOf<typeof ContainerStatus>
export const ContainerStatusResponse = message('runtime.v1.ContainerStatusResponse', {
  status: [1, ContainerStatus],
  info: [2, labelMap],
})

export const UpdateContainerResourcesRequest = message('runtime.v1.UpdateContainerResourcesRequest', {
  containerId: [1, 'string'],
  linux: [2, LinuxContainerResources],
})
export const UpdateContainerResourcesResponse = message('runtime.v1.UpdateContainerResourcesResponse', {})
export const ReopenContainerLogRequest = message('runtime.v1.ReopenContainerLogRequest', { containerId: [1, 'string'] })
export const ReopenContainerLogResponse = message('runtime.v1.ReopenContainerLogResponse', {})
export const CheckpointContainerRequest = message('runtime.v1.CheckpointContainerRequest', {
  containerId: [1, 'string'],
  location: [2, 'string'],
  timeout: [3, 'int64'],
})
export const CheckpointContainerResponse = message('runtime.v1.CheckpointContainerResponse', {})

export const ExecSyncRequest = message('runtime.v1.ExecSyncRequest', {
  containerId: [1, 'string'],
  cmd: [2, 'string', 'repeated'],
  timeout: [3, 'int64'],
})
export const ExecSyncResponse = message('runtime.v1.ExecSyncResponse', {
  stdout: [1, 'bytes'],
  stderr: [2, 'bytes'],
  exitCode: [3, 'int32'],
})
export const ExecRequest = message('runtime.v1.ExecRequest', {
  containerId: [1, 'string'],
  cmd: [2, 'string', 'repeated'],
  tty: [3, 'bool'],
  stdin: [4, 'bool'],
  stdout: [5, 'bool'],
  stderr: [6, 'bool'],
})
export const AttachRequest = message('runtime.v1.AttachRequest', {
  containerId: [1, 'string'],
  stdin: [2, 'bool'],
  tty: [3, 'bool'],
  stdout: [4, 'bool'],
  stderr: [5, 'bool'],
})
export const PortForwardRequest = message('runtime.v1.PortForwardRequest', {
  podSandboxId: [1, 'string'],
  port: [2, 'int32', 'repeated'],
})
const streamingUrl = <const Name extends string>(name: Name) => message(`runtime.v1.${name}`, { url: [1, 'string'] })
export const ExecResponse = streamingUrl('ExecResponse')
export const AttachResponse = streamingUrl('AttachResponse')
export const PortForwardResponse = streamingUrl('PortForwardResponse')

export const ContainerStats = message('runtime.v1.ContainerStats', {
  attributes: [
    1,
    message('runtime.v1.ContainerAttributes', {
      id: [1, 'string'],
      metadata: [2, ContainerMetadata],
      labels: [3, labelMap],
      annotations: [4, labelMap],
    }),
  ],
  cpu: [
    2,
    message('runtime.v1.CpuUsage', {
      timestamp: [1, 'int64'],
      usageCoreNanoSeconds: [2, UInt64Value],
      usageNanoCores: [3, UInt64Value],
    }),
  ],
  memory: [
    3,
    message('runtime.v1.MemoryUsage', {
      timestamp: [1, 'int64'],
      workingSetBytes: [2, UInt64Value],
      availableBytes: [3, UInt64Value],
      usageBytes: [4, UInt64Value],
      rssBytes: [5, UInt64Value],
    }),
  ],
  writableLayer: [4, FilesystemUsage],
})
export type ContainerStats = OutputOf<typeof ContainerStats>
export const ListContainerStatsRequest = message('runtime.v1.ListContainerStatsRequest', {
  filter: [
    1,
    message('runtime.v1.ContainerStatsFilter', {
      id: [1, 'string'],
      podSandboxId: [2, 'string'],
      labelSelector: [3, labelMap],
    }),
  ],
})
export const ListContainerStatsResponse = message('runtime.v1.ListContainerStatsResponse', {
  stats: [1, ContainerStats, 'repeated'],
})
