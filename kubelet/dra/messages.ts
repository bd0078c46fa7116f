/** The wire between kubelet and DRA drivers: facts of k8s.io/kubelet/pkg/apis/dra/v1 (v1beta1 is the same). */
import { type GrpcMethod, unary } from '../../component-base/grpc/method.ts'
import { type InputOf, mapOf, message, type MessageType, type OutputOf } from '../../component-base/protobuf/message.ts'

const Claim = message('k8s.io.kubelet.pkg.apis.dra.v1.Claim', {
  namespace: [1, 'string'],
  uid: [2, 'string'],
  name: [3, 'string'],
})
const Device = message('k8s.io.kubelet.pkg.apis.dra.v1.Device', {
  requestNames: [1, 'string', 'repeated'],
  poolName: [2, 'string'],
  deviceName: [3, 'string'],
  cdiDeviceIds: [4, 'string', 'repeated'],
})
const PrepareResult = message('k8s.io.kubelet.pkg.apis.dra.v1.NodePrepareResourceResponse', {
  devices: [1, Device, 'repeated'],
  error: [2, 'string'],
})
const UnprepareResult = message('k8s.io.kubelet.pkg.apis.dra.v1.NodeUnprepareResourceResponse', {
  error: [1, 'string'],
})
const ClaimsRequest = message('k8s.io.kubelet.pkg.apis.dra.v1.NodePrepareResourcesRequest', {
  claims: [1, Claim, 'repeated'],
})
const PrepareResponse = message('k8s.io.kubelet.pkg.apis.dra.v1.NodePrepareResourcesResponse', {
  claims: [1, mapOf('string', PrepareResult)],
})
const UnprepareResponse = message('k8s.io.kubelet.pkg.apis.dra.v1.NodeUnprepareResourcesResponse', {
  claims: [1, mapOf('string', UnprepareResult)],
})

export type PreparedDevice = OutputOf<typeof Device>

type Method<Response> =
  Response extends MessageType<infer Out, infer In>
    ? GrpcMethod<'unary', OutputOf<typeof ClaimsRequest>, InputOf<typeof ClaimsRequest>, Out, In>
    : never

export interface DraMethods {
  readonly prepare: Method<typeof PrepareResponse>
  readonly unprepare: Method<typeof UnprepareResponse>
}

const methodsOf = (service: string): DraMethods => ({
  prepare: unary(`/${service}/NodePrepareResources`, ClaimsRequest, PrepareResponse),
  unprepare: unary(`/${service}/NodeUnprepareResources`, ClaimsRequest, UnprepareResponse),
})

/** By the version that a driver registers with, the best first. */
export const draVersions: ReadonlyMap<string, DraMethods> = new Map([
  ['v1.DRAPlugin', methodsOf('k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin')],
  ['v1beta1.DRAPlugin', methodsOf('v1beta1.DRAPlugin')],
])
