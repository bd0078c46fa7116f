/** A DRA driver for tests: its devices are `/dev/null` under other names and a variable, told of by a CDI specification. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { implementUnary } from '../../component-base/grpc/server.ts'
import { draVersions } from '../../kubelet/dra/messages.ts'
import { registerPlugin, serveSocket } from './kubelet-plugin.ts'

export interface TestDraDriver extends AsyncDisposable {
  /** `prepare <claim>` and `unprepare <claim>`, in order. */
  readonly calls: readonly string[]
  readonly registered: Promise<string>
  /** Why preparing fails; '' for success. */
  failure: string
}

/** `devices` are those of each claim, by its name: request and device. */
export const startDraDriver = async (
  name: string,
  kubeletRoot: string,
  devicesOf: (claim: string) => readonly { readonly request: string; readonly device: string }[],
): Promise<TestDraDriver> => {
  const calls: string[] = []
  let failure = ''
  const kind = `${name}/thing`
  const cdiFile = join('/var/run/cdi', `kubets-test-${process.pid}-${name}.json`)
  const endpoint = join(kubeletRoot, 'plugins', name, 'dra.sock')
  const methods = draVersions.get('v1.DRAPlugin')
  if (methods === undefined) throw new Error('no methods')
  const known = new Set<string>()

  const writeSpec = (): void => {
    mkdirSync('/var/run/cdi', { recursive: true })
    const devices = [...known].map((device) => ({
      name: device,
      containerEdits: {
        env: [`THING_${device.toUpperCase()}=here`],
        deviceNodes: [{ path: `/dev/${device}`, hostPath: '/dev/null' }],
      },
    }))
    writeFileSync(cdiFile, JSON.stringify({ cdiVersion: '0.6.0', kind, devices }))
  }

  const server = await serveSocket(endpoint, [
    implementUnary(methods.prepare, ({ claims }) => ({
      claims: Object.fromEntries(
        claims.map(({ uid, name: claim }) => {
          calls.push(`prepare ${claim}`)
          const devices = devicesOf(claim)
          for (const { device } of devices) known.add(device)
          writeSpec()
          const prepared = devices.map(({ request, device }) => ({
            requestNames: [request],
            poolName: 'pool',
            deviceName: device,
            cdiDeviceIds: [`${kind}=${device}`],
          }))
          return [uid, { devices: failure === '' ? prepared : [], error: failure }]
        }),
      ),
    })),
    implementUnary(methods.unprepare, ({ claims }) => ({
      claims: Object.fromEntries(
        claims.map(({ uid, name: claim }) => {
          calls.push(`unprepare ${claim}`)
          return [uid, {}]
        }),
      ),
    })),
  ])
  const registered = await registerPlugin(kubeletRoot, {
    type: 'DRAPlugin',
    name,
    endpoint,
    supportedVersions: ['v1.DRAPlugin'],
  })
  return {
    calls,
    registered: registered.answer,
    get failure() {
      return failure
    },
    set failure(message) {
      failure = message
    },
    [Symbol.asyncDispose]: async () => {
      rmSync(cdiFile, { force: true })
      await Promise.all([registered.withdraw(), server.close(0)])
    },
  }
}
