/**
 * A CSI driver for tests: real gRPC on sockets below a kubelet's root, volumes are folders of this machine that are
 * bound to where they are wanted, as csi-driver-host-path does it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import { csiNode, nodeCapability } from '../../kubelet/csi/messages.ts'
import { registerPlugin, serveSocket } from './kubelet-plugin.ts'

export interface TestCsiDriver extends AsyncDisposable {
  /** `stage <volume>`, `publish <volume>`, … in the order in which they were done. */
  readonly calls: readonly string[]
  /** What publish was told last, by volume. */
  readonly contexts: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Where the contents of a volume are. */
  folder(volumeId: string): string
  /** Message with which publish fails; '' for success. */
  failure: string
  /** What the kubelet answered to the registration; '' when it took the driver. */
  readonly registered: Promise<string>
}

export interface TestCsiDriverOptions {
  readonly name: string
  readonly kubeletRoot: string
  readonly capabilities?: readonly (keyof typeof nodeCapability)[]
  readonly maxVolumes?: number
  /** What volumes of raw blocks are: a block device of this machine. */
  readonly device?: string
  readonly topology?: Readonly<Record<string, string>>
}

const isMounted = (path: string): boolean => {
  try {
    execFileSync('mountpoint', ['-q', path])
    return true
  } catch {
    return false
  }
}

const bind = (source: string, target: string, readOnly: boolean): void => {
  mkdirSync(target, { recursive: true })
  if (isMounted(target)) return
  execFileSync('mount', ['--bind', source, target])
  if (readOnly) execFileSync('mount', ['-o', 'remount,bind,ro', target])
}

const unbind = (target: string): void => {
  if (isMounted(target)) execFileSync('umount', [target])
  if (!existsSync(target)) return
  // Never what is in it.
  if (lstatSync(target).isDirectory()) rmdirSync(target)
  else rmSync(target)
}

export const startCsiDriver = async (options: TestCsiDriverOptions): Promise<TestCsiDriver> => {
  const { name, kubeletRoot, capabilities = ['stageUnstageVolume'], maxVolumes = 0, topology = {} } = options
  const store = join(dirname(kubeletRoot), `csi-${name}`)
  const endpoint = join(kubeletRoot, 'plugins', name, 'csi.sock')
  const calls: string[] = []
  const contexts = new Map<string, Readonly<Record<string, string>>>()
  const folder = (volumeId: string): string => join(store, volumeId)
  const staged = capabilities.includes('stageUnstageVolume')
  let failure = ''

  const driver = await serveSocket(endpoint, [
    implementUnary(csiNode.info, () => ({
      nodeId: 'node-of-the-driver',
      maxVolumesPerNode: maxVolumes,
      accessibleTopology: { segments: topology },
    })),
    implementUnary(csiNode.capabilities, () => ({
      capabilities: capabilities.map((capability) => ({ rpc: { type: nodeCapability[capability] } })),
    })),
    implementUnary(csiNode.stage, ({ volumeId, stagingTargetPath, volumeCapability }) => {
      calls.push(`stage ${volumeId}`)
      mkdirSync(folder(volumeId), { recursive: true })
      if (volumeCapability?.block !== undefined) return {}
      bind(folder(volumeId), stagingTargetPath, false)
      return {}
    }),
    implementUnary(csiNode.unstage, ({ volumeId, stagingTargetPath }) => {
      calls.push(`unstage ${volumeId}`)
      unbind(stagingTargetPath)
      return {}
    }),
    implementUnary(csiNode.publish, ({ volumeId, stagingTargetPath, targetPath, readonly, ...request }) => {
      if (failure !== '') throw new GrpcError(grpcCode.internal, failure)
      calls.push(`publish ${volumeId}`)
      contexts.set(
        volumeId,
        Object.fromEntries([...request.publishContext, ...request.volumeContext, ...request.secrets]),
      )
      mkdirSync(folder(volumeId), { recursive: true })
      if (request.volumeCapability?.block !== undefined) {
        writeFileSync(targetPath, '')
        execFileSync('mount', ['--bind', options.device ?? '', targetPath])
        return {}
      }
      bind(staged && stagingTargetPath !== '' ? stagingTargetPath : folder(volumeId), targetPath, readonly)
      return {}
    }),
    implementUnary(csiNode.unpublish, ({ volumeId, targetPath }) => {
      calls.push(`unpublish ${volumeId}`)
      unbind(targetPath)
      return {}
    }),
    implementUnary(csiNode.expand, ({ volumeId, capacityRange }) => {
      calls.push(`expand ${volumeId}`)
      return { capacityBytes: capacityRange?.requiredBytes ?? 0 }
    }),
  ])
  const registered = await registerPlugin(kubeletRoot, {
    type: 'CSIPlugin',
    name,
    endpoint,
    supportedVersions: ['1.0.0'],
  })

  return {
    calls,
    contexts,
    folder,
    get failure() {
      return failure
    },
    set failure(message) {
      failure = message
    },
    registered: registered.answer,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([registered.withdraw(), driver.close(0)])
      rmSync(store, { recursive: true, force: true })
    },
  }
}
