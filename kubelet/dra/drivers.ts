/** The DRA drivers that have registered on this node. Upstream: pkg/kubelet/cm/dra/plugin. */
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import type { Plugin, PluginHandler } from '../plugins/plugin-watcher.ts'
import { type DraMethods, draVersions } from './messages.ts'

export interface DraDriver {
  readonly name: string
  readonly channel: GrpcChannel
  readonly methods: DraMethods
}

export interface DraDrivers extends PluginHandler {
  /** Throws where no such driver is registered. */
  get(name: string): DraDriver
}

/** `onChange`: a driver came, and Pods that waited for it may go on. */
export const createDraDrivers = (onChange: () => void): DraDrivers => {
  /** By name, those that registered last at the end: two instances overlap while a driver is replaced. */
  const drivers: (DraDriver & { readonly endpoint: string })[] = []
  return {
    get: (name) => {
      const driver = drivers.findLast((one) => one.name === name)
      if (driver === undefined)
        throw new Error(`plugin with name ${name} not found in the list of registered DRA plugins`)
      return driver
    },
    register: async ({ name, endpoint, versions }: Plugin) => {
      const methods = [...draVersions].find(([version]) => versions.includes(version))?.[1]
      if (methods === undefined) throw new Error(`none of the versions of ${name} is supported: ${versions.join(', ')}`)
      drivers.push({ name, endpoint, methods, channel: new GrpcChannel({ endpoints: [`unix://${endpoint}`] }) })
      onChange()
    },
    deregister: ({ name, endpoint }) => {
      const index = drivers.findIndex((one) => one.name === name && one.endpoint === endpoint)
      if (index >= 0) for (const { channel } of drivers.splice(index, 1)) channel.close()
    },
  }
}
