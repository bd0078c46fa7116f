/** The part of the Container Storage Interface that a node uses: facts of csi.v1. */
import { unary } from '../../component-base/grpc/method.ts'
import { type InputOf, mapOf, message, type OutputOf } from '../../component-base/protobuf/message.ts'

const strings = mapOf('string', 'string')
const Empty = message('csi.v1.Empty', {})

const BlockVolume = message('csi.v1.VolumeCapability.BlockVolume', {})
const MountVolume = message('csi.v1.VolumeCapability.MountVolume', {
  fsType: [1, 'string'],
  mountFlags: [2, 'string', 'repeated'],
  volumeMountGroup: [3, 'string'],
})
/** Numbers of csi.v1.VolumeCapability.AccessMode.Mode. */
export const accessMode = {
  singleNodeWriter: 1,
  singleNodeReaderOnly: 2,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const
const AccessMode = message('csi.v1.VolumeCapability.AccessMode', { mode: [1, 'int32'] })
const VolumeCapability = message(
  'csi.v1.VolumeCapability',
  { block: [1, BlockVolume], mount: [2, MountVolume], accessMode: [3, AccessMode] },
  ['block', 'mount'],
)
export type VolumeCapability = InputOf<typeof VolumeCapability>

const StageRequest = message('csi.v1.NodeStageVolumeRequest', {
  volumeId: [1, 'string'],
  publishContext: [2, strings],
  stagingTargetPath: [3, 'string'],
  volumeCapability: [4, VolumeCapability],
  secrets: [5, strings],
  volumeContext: [6, strings],
})
const UnstageRequest = message('csi.v1.NodeUnstageVolumeRequest', {
  volumeId: [1, 'string'],
  stagingTargetPath: [2, 'string'],
})
const PublishRequest = message('csi.v1.NodePublishVolumeRequest', {
  volumeId: [1, 'string'],
  publishContext: [2, strings],
  stagingTargetPath: [3, 'string'],
  targetPath: [4, 'string'],
  volumeCapability: [5, VolumeCapability],
  readonly: [6, 'bool'],
  secrets: [7, strings],
  volumeContext: [8, strings],
})
const UnpublishRequest = message('csi.v1.NodeUnpublishVolumeRequest', {
  volumeId: [1, 'string'],
  targetPath: [2, 'string'],
})

/** Numbers of csi.v1.NodeServiceCapability.RPC.Type. */
export const nodeCapability = {
  stageUnstageVolume: 1,
  getVolumeStats: 2,
  expandVolume: 3,
  volumeCondition: 4,
  singleNodeMultiWriter: 5,
  volumeMountGroup: 6,
} as const
const Rpc = message('csi.v1.NodeServiceCapability.RPC', { type: [1, 'int32'] })
const NodeServiceCapability = message('csi.v1.NodeServiceCapability', { rpc: [1, Rpc] })
const GetCapabilitiesResponse = message('csi.v1.NodeGetCapabilitiesResponse', {
  capabilities: [1, NodeServiceCapability, 'repeated'],
})

const Topology = message('csi.v1.Topology', { segments: [1, strings] })
const GetInfoResponse = message('csi.v1.NodeGetInfoResponse', {
  nodeId: [1, 'string'],
  maxVolumesPerNode: [2, 'int64'],
  accessibleTopology: [3, Topology],
})
export type NodeInfo = OutputOf<typeof GetInfoResponse>

const CapacityRange = message('csi.v1.CapacityRange', { requiredBytes: [1, 'int64'], limitBytes: [2, 'int64'] })
const ExpandRequest = message('csi.v1.NodeExpandVolumeRequest', {
  volumeId: [1, 'string'],
  volumePath: [2, 'string'],
  capacityRange: [3, CapacityRange],
  stagingTargetPath: [4, 'string'],
  volumeCapability: [5, VolumeCapability],
  secrets: [6, strings],
})
const ExpandResponse = message('csi.v1.NodeExpandVolumeResponse', { capacityBytes: [1, 'int64'] })

export const csiNode = {
  stage: unary('/csi.v1.Node/NodeStageVolume', StageRequest, Empty),
  unstage: unary('/csi.v1.Node/NodeUnstageVolume', UnstageRequest, Empty),
  publish: unary('/csi.v1.Node/NodePublishVolume', PublishRequest, Empty),
  unpublish: unary('/csi.v1.Node/NodeUnpublishVolume', UnpublishRequest, Empty),
  expand: unary('/csi.v1.Node/NodeExpandVolume', ExpandRequest, ExpandResponse),
  capabilities: unary('/csi.v1.Node/NodeGetCapabilities', Empty, GetCapabilitiesResponse),
  info: unary('/csi.v1.Node/NodeGetInfo', Empty, GetInfoResponse),
} as const
