/**
 * Device plugins of this node: they register at `device-plugins/kubelet.sock`, or through the plugin watcher, and tell
 * their devices by a stream for as long as they live. When it breaks, their devices are unhealthy, and gone after a
 * while; what containers have of them stays. Upstream: pkg/kubelet/cm/devicemanager.
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { whenAborted } from '../../component-base/async/aborted.ts'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { listen } from '../../component-base/grpc/listener.ts'
import { createGrpcServer, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { PluginHandler } from '../plugins/plugin-watcher.ts'
import { devicePlugin, type PluginOptions, pluginVersion, register } from './messages.ts'

/** One resource and who has it. */
export interface DeviceResource {
  readonly name: string
  readonly options: PluginOptions
  /** Undefined while no plugin is there. */
  readonly channel: GrpcChannel | undefined
  /** ID to whether it is healthy. */
  readonly devices: ReadonlyMap<string, boolean>
}

export interface DevicePlugins {
  resources(): ReadonlyMap<string, DeviceResource>
  /** For plugins that register in `plugins_registry`. */
  readonly handler: PluginHandler
  /** Serves registrations until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export interface DevicePluginsDeps {
  /** `<root>/device-plugins`. */
  readonly folder: string
  /** Resources that had a plugin when this kubelet was started last. */
  readonly known: readonly string[]
  /** Devices came, went, or changed their health. */
  readonly onChange: () => void
  readonly onRegistered: (resource: string) => void
  readonly log: Logger
}

/** Time after which the resource of a plugin that went away is no longer told of. */
const goneAfterMs = 5 * 60_000
const noOptions: PluginOptions = { preStartRequired: false, getPreferredAllocationAvailable: false }

/** Upstream: v1helper.IsExtendedResourceName. */
const isExtendedResource = (name: string): boolean =>
  /^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/.test(name) &&
  !name.startsWith('requests.') &&
  !name.split('/')[0]?.endsWith('kubernetes.io')

export const createDevicePlugins = (deps: DevicePluginsDeps): DevicePlugins => {
  const { folder, log } = deps
  const resources = new Map<string, DeviceResource>(
    deps.known.map((name) => [name, { name, options: noOptions, channel: undefined, devices: new Map() }]),
  )
  const forgetting = new Map<string, NodeJS.Timeout>()

  const lost = (name: string, channel: GrpcChannel): void => {
    const resource = resources.get(name)
    channel.close()
    if (resource === undefined || resource.channel !== channel) return
    const devices = new Map([...resource.devices.keys()].map((id) => [id, false]))
    resources.set(name, { ...resource, channel: undefined, devices })
    log.warn({ resource: name }, 'a device plugin is gone')
    const timer = setTimeout(() => {
      resources.set(name, { ...resource, channel: undefined, devices: new Map() })
      deps.onChange()
    }, goneAfterMs)
    timer.unref()
    forgetting.set(name, timer)
    deps.onChange()
  }

  const follow = async (name: string, channel: GrpcChannel): Promise<void> => {
    const call = channel.stream(devicePlugin.listAndWatch)
    call.write({})
    call.end()
    try {
      for await (const { devices } of call.responses) {
        const resource = resources.get(name)
        if (resource?.channel !== channel) return call.cancel()
        resources.set(name, {
          ...resource,
          devices: new Map(devices.map(({ id, health }) => [id, health === 'Healthy'])),
        })
        deps.onChange()
      }
    } catch (error) {
      log.debug({ err: error, resource: name }, 'the stream of a device plugin broke')
    }
    lost(name, channel)
  }

  const add = (name: string, socket: string, options: PluginOptions): GrpcChannel => {
    if (!existsSync(socket)) throw new Error(`endpoint ${socket} of the device plugin ${name} does not exist`)
    clearTimeout(forgetting.get(name))
    const before = resources.get(name)
    const channel = new GrpcChannel({ endpoints: [`unix://${socket}`] })
    resources.set(name, { name, options, channel, devices: before?.devices ?? new Map() })
    before?.channel?.close()
    log.info({ resource: name, socket }, 'device plugin registered')
    deps.onRegistered(name)
    follow(name, channel).catch((error: unknown) => log.error({ err: error }, 'a device plugin cannot be followed'))
    return channel
  }

  const check = (name: string, version: string): void => {
    if (version !== pluginVersion) {
      throw new Error(
        `requested API version ${JSON.stringify(version)} is not supported by kubelet. Supported version is ${JSON.stringify(pluginVersion)}`,
      )
    }
    if (!isExtendedResource(name)) throw new Error(`the ResourceName ${JSON.stringify(name)} is invalid`)
  }

  const server = createGrpcServer({
    onInternalError: (error) => log.error({ err: error }, 'registration of a device plugin failed'),
    implementations: [
      implementUnary(register, ({ version, endpoint, resourceName, options }) => {
        try {
          check(resourceName, version)
          add(resourceName, join(folder, endpoint), options ?? noOptions)
        } catch (error) {
          log.warn({ err: error, resource: resourceName }, 'a device plugin is refused')
          throw new GrpcError(grpcCode.unknown, error instanceof Error ? error.message : String(error))
        }
        return {}
      }),
    ],
  })

  /** Sockets of plugins of before: those that live on see that ours is a new one, and register again. */
  const cleanFolder = async (): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o750 })
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isSocket()) await rm(join(folder, entry.name), { force: true })
    }
  }

  /** Those of the plugin watcher, by the socket that they serve. */
  const watched = new Map<string, GrpcChannel>()

  return {
    resources: () => resources,
    handler: {
      register: async ({ name, endpoint, versions }) => {
        if (!versions.includes(pluginVersion)) check(name, versions[0] ?? '')
        check(name, pluginVersion)
        const channel = new GrpcChannel({ endpoints: [`unix://${endpoint}`] })
        try {
          const options = await channel.unary(devicePlugin.getOptions, {}, { timeoutMs: 10_000 })
          watched.set(endpoint, add(name, endpoint, options))
        } finally {
          channel.close()
        }
      },
      deregister: ({ name, endpoint }) => {
        const channel = watched.get(endpoint)
        watched.delete(endpoint)
        // Its successor by another socket stays.
        if (channel !== undefined) lost(name, channel)
      },
    },
    run: async (signal) => {
      await cleanFolder()
      const path = join(folder, 'kubelet.sock')
      const listener = await listen({ path, http2: server, http1: (_request, response) => response.end() })
      await chmod(path, 0o600)
      await whenAborted(signal)
      for (const { channel } of resources.values()) channel?.close()
      await listener.close(0)
    },
  }
}
