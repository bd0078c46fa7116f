/** A device plugin for tests: its devices are `/dev/null` under other names, and variables. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { GrpcChannel } from '../../component-base/grpc/client.ts'
import { implementStream, implementUnary } from '../../component-base/grpc/server.ts'
import { devicePlugin, register } from '../../kubelet/deviceplugin/messages.ts'
import { registerPlugin, serveSocket } from './kubelet-plugin.ts'

export interface TestDevicePlugin extends AsyncDisposable {
  /** `allocate a,b`, `prestart a`, `prefer 2`, in order. */
  readonly calls: readonly string[]
  /** At the kubelet's own socket. Rejects where it refuses. */
  register(): Promise<void>
  /** As a plugin of `plugins_registry`; '' when the kubelet took it. */
  registerByWatcher(): Promise<string>
  setHealth(id: string, isHealthy: boolean): void
  /** Takes the socket away, as a plugin that ends. */
  stop(): Promise<void>
}

export interface TestDevicePluginOptions {
  readonly resource: string
  readonly kubeletRoot: string
  readonly ids: readonly string[]
  /** Of the last ones first, where the kubelet asks. */
  readonly prefersLast?: boolean
  readonly version?: string
}

export const startDevicePlugin = async (options: TestDevicePluginOptions): Promise<TestDevicePlugin> => {
  const { resource, kubeletRoot, prefersLast = false, version = 'v1beta1' } = options
  const calls: string[] = []
  const health = new Map(options.ids.map((id) => [id, true]))
  const endpoint = `${resource.replaceAll(/[^a-z0-9]/g, '-')}.sock`
  const folder = join(kubeletRoot, 'device-plugins')
  const listeners = new Set<() => void>()
  const pluginOptions = { preStartRequired: true, getPreferredAllocationAvailable: prefersLast }
  const devices = () => [...health].map(([id, isHealthy]) => ({ id, health: isHealthy ? 'Healthy' : 'Unhealthy' }))
  const implementations = [
    implementUnary(devicePlugin.getOptions, () => pluginOptions),
    implementStream(devicePlugin.listAndWatch, async (call) => {
      const send = (): void => call.write({ devices: devices() })
      send()
      listeners.add(send)
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true }))
      listeners.delete(send)
    }),
    implementUnary(devicePlugin.getPreferredAllocation, ({ containerRequests }) => ({
      containerResponses: containerRequests.map(({ availableDeviceIDs, allocationSize }) => {
        calls.push(`prefer ${allocationSize}`)
        return { deviceIDs: availableDeviceIDs.slice(-allocationSize) }
      }),
    })),
    implementUnary(devicePlugin.allocate, ({ containerRequests }) => ({
      containerResponses: containerRequests.map(({ devicesIds }) => {
        calls.push(`allocate ${devicesIds.join(',')}`)
        return {
          envs: { DEVICES: devicesIds.join(',') },
          mounts: [{ containerPath: '/etc/device-host', hostPath: '/etc/hostname', readOnly: true }],
          devices: devicesIds.map((id) => ({ containerPath: `/dev/${id}`, hostPath: '/dev/null', permissions: 'rw' })),
          annotations: { 'example.com/devices': devicesIds.join(',') },
        }
      }),
    })),
    implementUnary(devicePlugin.preStartContainer, ({ devicesIds }) => {
      calls.push(`prestart ${devicesIds.join(',')}`)
      return {}
    }),
  ]
  const path = join(folder, endpoint)
  let server = await serveSocket(path, implementations)
  let withdraw = async (): Promise<void> => undefined
  const stop = async (): Promise<void> => {
    rmSync(path, { force: true })
    await server.close(0)
    await withdraw()
  }
  return {
    calls,
    register: async () => {
      await server.close(0)
      server = await serveSocket(path, implementations)
      const channel = new GrpcChannel({ endpoints: [`unix://${join(folder, 'kubelet.sock')}`] })
      try {
        const request = { version, endpoint, resourceName: resource, options: pluginOptions }
        await channel.unary(register, request, { timeoutMs: 5000 })
      } finally {
        channel.close()
      }
    },
    registerByWatcher: async () => {
      const name = resource
      const registration = await registerPlugin(kubeletRoot, {
        type: 'DevicePlugin',
        name,
        endpoint: path,
        supportedVersions: [version],
      })
      withdraw = registration.withdraw
      return registration.answer
    },
    setHealth: (id, isHealthy) => {
      health.set(id, isHealthy)
      for (const send of listeners) send()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
