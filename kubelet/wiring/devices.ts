/** Devices for containers (resource claims, device plugins), and the plugins that register by a socket. */
import { join } from 'node:path'
import type { ObjectSource } from '../container/objects.ts'
import { createDeviceManager } from '../deviceplugin/device-manager.ts'
import { createClaimManager } from '../dra/claim-manager.ts'
import { createDraDrivers } from '../dra/drivers.ts'
import { createPluginWatcher, type PluginHandler } from '../plugins/plugin-watcher.ts'
import type { Base } from './base.ts'

export interface DevicesDeps {
  readonly objects: ObjectSource
  /** A device plugin came. */
  readonly onRegistered: (resource: string) => void
}

export const createDevices = async ({ config, wakeAll, wakeNode, log }: Base, deps: DevicesDeps) => {
  const { rootDir } = config
  const draDrivers = createDraDrivers(wakeAll)
  const claims = await createClaimManager({
    checkpoint: join(rootDir, 'dra_manager_state'),
    drivers: draDrivers,
    claim: deps.objects.resourceClaim,
    log,
  })
  const devices = createDeviceManager({
    rootDir,
    onChange: wakeNode,
    onRegistered: deps.onRegistered,
    log: log.child({ subsystem: 'devices' }),
  })
  /** `csiDrivers` come by the same folder. */
  const watchPlugins = (csiDrivers: PluginHandler) =>
    createPluginWatcher({
      folder: join(rootDir, 'plugins_registry'),
      handlers: new Map<string, PluginHandler>([
        ['CSIPlugin', csiDrivers],
        ['DRAPlugin', draDrivers],
        ['DevicePlugin', devices.plugins.handler],
      ]),
      log: log.child({ subsystem: 'plugins' }),
    })
  return { claims, devices, watchPlugins }
}
