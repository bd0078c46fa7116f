/** CRI v1: the runtime itself, its events, and the methods of both services. */
import { serverStream, unary } from '../../../component-base/grpc/method.ts'
import { enumeration, message, type OutputOf } from '../../../component-base/protobuf/message.ts'
import { FilesystemUsage, ImageSpec, Int64Value, labelMap } from './common-messages.ts'
import * as container from './container-messages.ts'
import * as sandbox from './sandbox-messages.ts'

const VersionRequest = message('runtime.v1.VersionRequest', { version: [1, 'string'] })
const VersionResponse = message('runtime.v1.VersionResponse', {
  version: [1, 'string'],
  runtimeName: [2, 'string'],
  runtimeVersion: [3, 'string'],
  runtimeApiVersion: [4, 'string'],
})

const RuntimeCondition = message('runtime.v1.RuntimeCondition', {
  type: [1, 'string'],
  status: [2, 'bool'],
  reason: [3, 'string'],
  message: [4, 'string'],
})
const StatusRequest = message('runtime.v1.StatusRequest', { verbose: [1, 'bool'] })
const RuntimeHandler = message('runtime.v1.RuntimeHandler', {
  name: [1, 'string'],
  features: [
    2,
    message('runtime.v1.RuntimeHandlerFeatures', { recursiveReadOnlyMounts: [1, 'bool'], userNamespaces: [2, 'bool'] }),
  ],
})
const StatusResponse = message('runtime.v1.StatusResponse', {
  status: [1, message('runtime.v1.RuntimeStatus', { conditions: [1, RuntimeCondition, 'repeated'] })],
  info: [2, labelMap],
  runtimeHandlers: [3, RuntimeHandler, 'repeated'],
  features: [4, message('runtime.v1.RuntimeFeatures', { supplementalGroupsPolicy: [1, 'bool'] })],
})
export type StatusResponse = OutputOf<typeof StatusResponse>

const UpdateRuntimeConfigRequest = message('runtime.v1.UpdateRuntimeConfigRequest', {
  runtimeConfig: [
    1,
    message('runtime.v1.RuntimeConfig', {
      networkConfig: [1, message('runtime.v1.NetworkConfig', { podCidr: [1, 'string'] })],
    }),
  ],
})
const UpdateRuntimeConfigResponse = message('runtime.v1.UpdateRuntimeConfigResponse', {})
const RuntimeConfigRequest = message('runtime.v1.RuntimeConfigRequest', {})
const RuntimeConfigResponse = message('runtime.v1.RuntimeConfigResponse', {
  linux: [
    1,
    message('runtime.v1.LinuxRuntimeConfiguration', { cgroupDriver: [1, enumeration({ systemd: 0, cgroupfs: 1 })] }),
  ],
})

const GetEventsRequest = message('runtime.v1.GetEventsRequest', {})
const ContainerEventResponse = message('runtime.v1.ContainerEventResponse', {
  containerId: [1, 'string'],
  containerEventType: [2, enumeration({ created: 0, started: 1, stopped: 2, deleted: 3 })],
  createdAt: [3, 'int64'],
  podSandboxStatus: [4, sandbox.PodSandboxStatus],
})

const path = (method: string): string => `/runtime.v1.RuntimeService/${method}`

export const runtimeMethods = {
  version: unary(path('Version'), VersionRequest, VersionResponse),
  status: unary(path('Status'), StatusRequest, StatusResponse),
  updateRuntimeConfig: unary(path('UpdateRuntimeConfig'), UpdateRuntimeConfigRequest, UpdateRuntimeConfigResponse),
  runtimeConfig: unary(path('RuntimeConfig'), RuntimeConfigRequest, RuntimeConfigResponse),
  getContainerEvents: serverStream(path('GetContainerEvents'), GetEventsRequest, ContainerEventResponse),
  runPodSandbox: unary(path('RunPodSandbox'), sandbox.RunPodSandboxRequest, sandbox.RunPodSandboxResponse),
  stopPodSandbox: unary(path('StopPodSandbox'), sandbox.StopPodSandboxRequest, sandbox.StopPodSandboxResponse),
  removePodSandbox: unary(path('RemovePodSandbox'), sandbox.RemovePodSandboxRequest, sandbox.RemovePodSandboxResponse),
  podSandboxStatus: unary(path('PodSandboxStatus'), sandbox.PodSandboxStatusRequest, sandbox.PodSandboxStatusResponse),
  listPodSandbox: unary(path('ListPodSandbox'), sandbox.ListPodSandboxRequest, sandbox.ListPodSandboxResponse),
  createContainer: unary(path('CreateContainer'), container.CreateContainerRequest, container.CreateContainerResponse),
  startContainer: unary(path('StartContainer'), container.StartContainerRequest, container.StartContainerResponse),
  stopContainer: unary(path('StopContainer'), container.StopContainerRequest, container.StopContainerResponse),
  removeContainer: unary(path('RemoveContainer'), container.RemoveContainerRequest, container.RemoveContainerResponse),
  listContainers: unary(path('ListContainers'), container.ListContainersRequest, container.ListContainersResponse),
  containerStatus: unary(path('ContainerStatus'), container.ContainerStatusRequest, container.ContainerStatusResponse),
  updateContainerResources: unary(
    path('UpdateContainerResources'),
    container.UpdateContainerResourcesRequest,
    container.UpdateContainerResourcesResponse,
  ),
  reopenContainerLog: unary(
    path('ReopenContainerLog'),
    container.ReopenContainerLogRequest,
    container.ReopenContainerLogResponse,
  ),
  checkpointContainer: unary(
    path('CheckpointContainer'),
    container.CheckpointContainerRequest,
    container.CheckpointContainerResponse,
  ),
  execSync: unary(path('ExecSync'), container.ExecSyncRequest, container.ExecSyncResponse),
  exec: unary(path('Exec'), container.ExecRequest, container.ExecResponse),
  attach: unary(path('Attach'), container.AttachRequest, container.AttachResponse),
  portForward: unary(path('PortForward'), container.PortForwardRequest, container.PortForwardResponse),
  listContainerStats: unary(
    path('ListContainerStats'),
    container.ListContainerStatsRequest,
    container.ListContainerStatsResponse,
  ),
} as const

const Image = message('runtime.v1.Image', {
  id: [1, 'string'],
  repoTags: [2, 'string', 'repeated'],
  repoDigests: [3, 'string', 'repeated'],
  size: [4, 'uint64'],
  uid: [5, Int64Value],
  username: [6, 'string'],
  spec: [7, ImageSpec],
  pinned: [8, 'bool'],
})
export type CriImage = OutputOf<typeof Image>
const ListImagesRequest = message('runtime.v1.ListImagesRequest', {
  filter: [1, message('runtime.v1.ImageFilter', { image: [1, ImageSpec] })],
})
const ListImagesResponse = message('runtime.v1.ListImagesResponse', { images: [1, Image, 'repeated'] })
const ImageStatusRequest = message('runtime.v1.ImageStatusRequest', { image: [1, ImageSpec], verbose: [2, 'bool'] })
const ImageStatusResponse = message('runtime.v1.ImageStatusResponse', { image: [1, Image] })
const PullImageRequest = message('runtime.v1.PullImageRequest', {
  image: [1, ImageSpec],
  auth: [
    2,
    message('runtime.v1.AuthConfig', {
      username: [1, 'string'],
      password: [2, 'string'],
      auth: [3, 'string'],
      serverAddress: [4, 'string'],
      identityToken: [5, 'string'],
      registryToken: [6, 'string'],
    }),
  ],
  sandboxConfig: [3, sandbox.PodSandboxConfig],
})
const PullImageResponse = message('runtime.v1.PullImageResponse', { imageRef: [1, 'string'] })
const RemoveImageRequest = message('runtime.v1.RemoveImageRequest', { image: [1, ImageSpec] })
const RemoveImageResponse = message('runtime.v1.RemoveImageResponse', {})
const ImageFsInfoRequest = message('runtime.v1.ImageFsInfoRequest', {})
const ImageFsInfoResponse = message('runtime.v1.ImageFsInfoResponse', {
  imageFilesystems: [1, FilesystemUsage, 'repeated'],
  containerFilesystems: [2, FilesystemUsage, 'repeated'],
})

const imagePath = (method: string): string => `/runtime.v1.ImageService/${method}`

export const imageMethods = {
  listImages: unary(imagePath('ListImages'), ListImagesRequest, ListImagesResponse),
  imageStatus: unary(imagePath('ImageStatus'), ImageStatusRequest, ImageStatusResponse),
  pullImage: unary(imagePath('PullImage'), PullImageRequest, PullImageResponse),
  removeImage: unary(imagePath('RemoveImage'), RemoveImageRequest, RemoveImageResponse),
  imageFsInfo: unary(imagePath('ImageFsInfo'), ImageFsInfoRequest, ImageFsInfoResponse),
} as const
