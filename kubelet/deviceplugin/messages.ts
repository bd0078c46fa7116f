/** The wire between kubelet and device plugins: facts of k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1. */
import { serverStream, unary } from '../../component-base/grpc/method.ts'
import { mapOf, message, type OutputOf } from '../../component-base/protobuf/message.ts'

export const pluginVersion = 'v1beta1'

const Empty = message('v1beta1.Empty', {})
const Options = message('v1beta1.DevicePluginOptions', {
  preStartRequired: [1, 'bool'],
  getPreferredAllocationAvailable: [2, 'bool'],
})
const RegisterRequest = message('v1beta1.RegisterRequest', {
  version: [1, 'string'],
  endpoint: [2, 'string'],
  resourceName: [3, 'string'],
  options: [4, Options],
})
const Device = message('v1beta1.Device', { id: [1, 'string'], health: [2, 'string'] })
const ListAndWatchResponse = message('v1beta1.ListAndWatchResponse', { devices: [1, Device, 'repeated'] })
const PreferredAllocationRequest = message('v1beta1.PreferredAllocationRequest', {
  containerRequests: [
    1,
    message('v1beta1.ContainerPreferredAllocationRequest', {
      availableDeviceIDs: [1, 'string', 'repeated'],
      mustIncludeDeviceIDs: [2, 'string', 'repeated'],
      allocationSize: [3, 'int32'],
    }),
    'repeated',
  ],
})
const PreferredAllocationResponse = message('v1beta1.PreferredAllocationResponse', {
  containerResponses: [
    1,
    message('v1beta1.ContainerPreferredAllocationResponse', { deviceIDs: [1, 'string', 'repeated'] }),
    'repeated',
  ],
})
const AllocateRequest = message('v1beta1.AllocateRequest', {
  containerRequests: [
    1,
    message('v1beta1.ContainerAllocateRequest', { devicesIds: [1, 'string', 'repeated'] }),
    'repeated',
  ],
})
const ContainerAllocateResponse = message('v1beta1.ContainerAllocateResponse', {
  envs: [1, mapOf('string', 'string')],
  mounts: [
    2,
    message('v1beta1.Mount', { containerPath: [1, 'string'], hostPath: [2, 'string'], readOnly: [3, 'bool'] }),
    'repeated',
  ],
  devices: [
    3,
    message('v1beta1.DeviceSpec', {
      containerPath: [1, 'string'],
      hostPath: [2, 'string'],
      permissions: [3, 'string'],
    }),
    'repeated',
  ],
  annotations: [4, mapOf('string', 'string')],
  cdiDevices: [5, message('v1beta1.CDIDevice', { name: [1, 'string'] }), 'repeated'],
})
const AllocateResponse = message('v1beta1.AllocateResponse', {
  containerResponses: [1, ContainerAllocateResponse, 'repeated'],
})
const PreStartContainerRequest = message('v1beta1.PreStartContainerRequest', { devicesIds: [1, 'string', 'repeated'] })
const PreStartContainerResponse = message('v1beta1.PreStartContainerResponse', {})

/** What a plugin gives to a container, as it can be kept on disk. */
export interface AllocatedParts extends Omit<OutputOf<typeof ContainerAllocateResponse>, 'envs' | 'annotations'> {
  readonly envs: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export const allocatedParts = (response: OutputOf<typeof ContainerAllocateResponse>): AllocatedParts => ({
  ...response,
  envs: Object.fromEntries(response.envs),
  annotations: Object.fromEntries(response.annotations),
})
export type PluginOptions = OutputOf<typeof Options>

export const register = unary('/v1beta1.Registration/Register', RegisterRequest, Empty)

export const devicePlugin = {
  getOptions: unary('/v1beta1.DevicePlugin/GetDevicePluginOptions', Empty, Options),
  listAndWatch: serverStream('/v1beta1.DevicePlugin/ListAndWatch', Empty, ListAndWatchResponse),
  getPreferredAllocation: unary(
    '/v1beta1.DevicePlugin/GetPreferredAllocation',
    PreferredAllocationRequest,
    PreferredAllocationResponse,
  ),
  allocate: unary('/v1beta1.DevicePlugin/Allocate', AllocateRequest, AllocateResponse),
  preStartContainer: unary(
    '/v1beta1.DevicePlugin/PreStartContainer',
    PreStartContainerRequest,
    PreStartContainerResponse,
  ),
} as const
