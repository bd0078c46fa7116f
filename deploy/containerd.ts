/**
 * A containerd for each node of a pool with `runtime: containerd`: it runs in the node's network namespace, so that the
 * networks that it makes and the `hostNetwork` of its Pods are the node's.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { connectCri } from '../kubelet/runtime/cri/client.ts'
import { runtimeMethods } from '../kubelet/runtime/cri/runtime-messages.ts'
import { unmountAll } from './cleanup.ts'
import type { ClusterConfig } from './cluster-config.ts'
import { type Layout, projectRoot } from './layout.ts'
import { pauseArchive, pauseImage } from './pause-archive.ts'
import type { ProcessSpec } from './process-table.ts'

export interface ContainerdPaths {
  readonly config: string
  readonly root: string
  /** Also of the socket, whose path must be short. */
  readonly state: string
  readonly socket: string
  /** Archives of images (`docker save`) that it imports when it starts. */
  readonly images: string
  /** hosts.toml by registry. */
  readonly registries: string
}

export const containerdPaths = ({ name }: ClusterConfig, layout: Layout, node: string): ContainerdPaths => {
  const { root } = layout.node(node)
  const state = `/run/kubets/${name}-${node}`
  return {
    config: join(root, 'containerd.toml'),
    root: join(root, 'containerd'),
    state,
    socket: join(state, 'containerd.sock'),
    images: join(root, 'images'),
    registries: join(root, 'registries'),
  }
}

const sysResource = 1n << 24n

/** Who lacks CAP_SYS_RESOURCE (in some virtual machines) cannot lower a process' OOM score. */
const mayLowerOomScore = (): boolean => {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${bounding}`) & sysResource) !== 0n
}

const cri = 'plugins."io.containerd.grpc.v1.cri"'
const unused = ['aufs', 'btrfs', 'devmapper', 'zfs'].map((name) => `io.containerd.snapshotter.v1.${name}`)

/** Pure: containerd's configuration (version 2, for 1.5 to 1.7; 2.x reads it, too). */
export const containerdConfig = (paths: ContainerdPaths, cniConf: string, restrictOomScore: boolean): string =>
  `${[
    'version = 2',
    `root = ${JSON.stringify(paths.root)}`,
    `state = ${JSON.stringify(paths.state)}`,
    `disabled_plugins = ${JSON.stringify(unused)}`,
    '[grpc]',
    `  address = ${JSON.stringify(paths.socket)}`,
    '[debug]',
    '  level = "warn"',
    `[${cri}]`,
    `  sandbox_image = ${JSON.stringify(pauseImage)}`,
    '  netns_mounts_under_state_dir = true',
    `  restrict_oom_score_adj = ${restrictOomScore}`,
    `[${cri}.cni]`,
    '  bin_dir = "/usr/lib/cni"',
    `  conf_dir = ${JSON.stringify(cniConf)}`,
    `[${cri}.registry]`,
    `  config_path = ${JSON.stringify(paths.registries)}`,
  ].join('\n')}\n`

export const containerdName = (node: string): string => `${node}-containerd`

/** Its process, after its files were written. `enter` puts it into the node's network namespace. */
export const containerdProcess = (
  config: ClusterConfig,
  layout: Layout,
  node: string,
  enter: readonly string[],
): ProcessSpec => {
  const paths = containerdPaths(config, layout, node)
  const { cniConf } = layout.node(node)
  for (const folder of [cniConf, paths.images, paths.registries]) mkdirSync(folder, { recursive: true })
  writeFileAtomic(paths.config, containerdConfig(paths, cniConf, !mayLowerOomScore()), 0o600)
  const pause = join(paths.images, 'pause.tar')
  if (!existsSync(pause)) writeFileSync(pause, pauseArchive())
  return {
    name: containerdName(node),
    argv: [...enter, join(projectRoot, 'deploy/containerd.sh'), paths.config, paths.socket, paths.images],
  }
}

/** Ends all Pods of a containerd that runs, with their networks. */
export const removeSandboxes = async (socket: string): Promise<void> => {
  const client = connectCri(socket)
  try {
    const { items } = await client.call(runtimeMethods.listPodSandbox, {})
    await Promise.all(
      items.map(async ({ id }) => {
        await client.call(runtimeMethods.stopPodSandbox, { podSandboxId: id })
        await client.call(runtimeMethods.removePodSandbox, { podSandboxId: id })
      }),
    )
  } finally {
    client.close()
  }
}

/** What a containerd that has ended leaves in /run. */
export const removeState = (paths: ContainerdPaths): void => {
  unmountAll(paths.state)
  rmSync(paths.state, { recursive: true, force: true })
}
