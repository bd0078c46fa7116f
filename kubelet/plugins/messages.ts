/** The wire of plugin registration: facts of kubelet's pluginregistration/v1. */
import { unary } from '../../component-base/grpc/method.ts'
import { message } from '../../component-base/protobuf/message.ts'

const InfoRequest = message('pluginregistration.InfoRequest', {})
const PluginInfo = message('pluginregistration.PluginInfo', {
  type: [1, 'string'],
  name: [2, 'string'],
  endpoint: [3, 'string'],
  supportedVersions: [4, 'string', 'repeated'],
})
const RegistrationStatus = message('pluginregistration.RegistrationStatus', {
  pluginRegistered: [1, 'bool'],
  error: [2, 'string'],
})
const RegistrationStatusResponse = message('pluginregistration.RegistrationStatusResponse', {})

export const registration = {
  getInfo: unary('/pluginregistration.Registration/GetInfo', InfoRequest, PluginInfo),
  notifyRegistrationStatus: unary(
    '/pluginregistration.Registration/NotifyRegistrationStatus',
    RegistrationStatus,
    RegistrationStatusResponse,
  ),
} as const
