/** The wire of the pod resources API: facts of k8s.io/kubelet/pkg/apis/podresources/v1. */
import { unary } from '../../component-base/grpc/method.ts'
import { type InputOf, message } from '../../component-base/protobuf/message.ts'

const TopologyInfo = message('v1.TopologyInfo', {
  nodes: [1, message('v1.NUMANode', { id: [1, 'int64'] }), 'repeated'],
})
const ContainerDevices = message('v1.ContainerDevices', {
  resourceName: [1, 'string'],
  deviceIds: [2, 'string', 'repeated'],
  topology: [3, TopologyInfo],
})
const DynamicResource = message('v1.DynamicResource', {
  claimName: [2, 'string'],
  claimNamespace: [3, 'string'],
  claimResources: [
    4,
    message('v1.ClaimResource', {
      cdiDevices: [1, message('v1.CDIDevice', { name: [1, 'string'] }), 'repeated'],
      driverName: [2, 'string'],
      poolName: [3, 'string'],
      deviceName: [4, 'string'],
    }),
    'repeated',
  ],
})
const PodResources = message('v1.PodResources', {
  name: [1, 'string'],
  namespace: [2, 'string'],
  containers: [
    3,
    message('v1.ContainerResources', {
      name: [1, 'string'],
      devices: [2, ContainerDevices, 'repeated'],
      dynamicResources: [5, DynamicResource, 'repeated'],
    }),
    'repeated',
  ],
})
export type PodResourcesInput = InputOf<typeof PodResources>

const Empty = message('v1.ListPodResourcesRequest', {})
const ListResponse = message('v1.ListPodResourcesResponse', { podResources: [1, PodResources, 'repeated'] })
const AllocatableResponse = message('v1.AllocatableResourcesResponse', {
  devices: [1, ContainerDevices, 'repeated'],
  cpuIds: [2, 'int64', 'repeated'],
})
const GetRequest = message('v1.GetPodResourcesRequest', { podName: [1, 'string'], podNamespace: [2, 'string'] })
const GetResponse = message('v1.GetPodResourcesResponse', { podResources: [1, PodResources] })

export const podResources = {
  list: unary('/v1.PodResourcesLister/List', Empty, ListResponse),
  getAllocatable: unary('/v1.PodResourcesLister/GetAllocatableResources', Empty, AllocatableResponse),
  get: unary('/v1.PodResourcesLister/Get', GetRequest, GetResponse),
} as const
