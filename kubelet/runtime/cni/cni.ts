/**
 * Wires sandboxes into the Pod network by running CNI plugins, as libcni does.
 *
 * The plugins run as children in the kubelet's own network namespace, which is the node's: the bridge and the host
 * ends of the cables are made there. Results are kept on disk under the sandbox's ID, so that a new kubelet knows
 * the addresses of Pods that it did not start, and can take down what is left of sandboxes that are gone.
 */
import { spawn } from 'node:child_process'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PortMapping } from '../runtime-service.ts'
import { loadNetworkConfig, type NetworkConfig, type PluginConfig } from './network-config.ts'

export interface CniOptions {
  readonly confDir: string
  readonly binDirs: readonly string[]
  /** Where results are kept. */
  readonly cacheDir: string
}

export interface NetworkTarget {
  readonly sandboxId: string
  readonly podName: string
  readonly podNamespace: string
  readonly podUid: string
  /** Path of the network namespace; '' when it is gone (DEL only). */
  readonly netns: string
  readonly portMappings: readonly PortMapping[]
}

/** What stands in the cache: libcni's own format, which others on the node read, with what only we need beside it. */
interface CachedNetwork {
  readonly kind: 'cniCacheV1'
  readonly containerId: string
  readonly ifName: string
  readonly networkName: string
  readonly cniArgs: readonly (readonly [name: string, value: string])[]
  readonly target: NetworkTarget
  readonly network: NetworkConfig
  readonly result: unknown
}

export interface Cni {
  /** '' when a network is configured, else the reason why not. */
  notReadyReason(): Promise<string>
  /** Returns the addresses, IPv4 and IPv6 in the order of the result. */
  add(target: NetworkTarget): Promise<readonly string[]>
  /** Idempotent; works after the namespace is gone. */
  remove(sandboxId: string, netns: string): Promise<void>
  /** Addresses of a sandbox that was added before, also by an earlier kubelet. */
  addresses(sandboxId: string): Promise<readonly string[]>
  /** Frees what belongs to sandboxes that do not exist any more. */
  collectGarbage(liveSandboxIds: ReadonlySet<string>): Promise<void>
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Addresses without prefix length in a CNI result (0.3 to 1.1). */
export const addressesOf = (result: unknown): string[] => {
  const ips = isRecord(result) ? result['ips'] : undefined
  if (!Array.isArray(ips)) return []
  return ips.flatMap((ip: unknown) =>
    isRecord(ip) && typeof ip['address'] === 'string' ? [ip['address'].split('/')[0] ?? ''] : [],
  )
}

/** Path of a plugin; rejects in libcni's words when no folder has it. */
export const findPlugin = async (type: string, binDirs: readonly string[]): Promise<string> => {
  for (const folder of binDirs) {
    const file = join(folder, type)
    try {
      await access(file)
      return file
    } catch {
      // Look in the next folder.
    }
  }
  throw new Error(`failed to find plugin ${JSON.stringify(type)} in path [${binDirs.join(' ')}]`)
}

const interfaceName = 'eth0'

/** What plugins are told of the Pod, under the names that all runtimes use. */
const cniArgsOf = (target: NetworkTarget): [name: string, value: string][] => [
  ['IgnoreUnknown', '1'],
  ['K8S_POD_NAMESPACE', target.podNamespace],
  ['K8S_POD_NAME', target.podName],
  ['K8S_POD_INFRA_CONTAINER_ID', target.sandboxId],
  ['K8S_POD_UID', target.podUid],
]

const pluginTimeoutMs = 60_000

/** Runs one plugin; its JSON error becomes the message. */
const execPlugin = async (file: string, env: Record<string, string>, config: unknown): Promise<unknown> => {
  const child = spawn(file, [], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: pluginTimeoutMs,
    killSignal: 'SIGKILL',
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A plugin that dies before it reads says so by its exit code.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(config))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const text = Buffer.concat(stdout).toString().trim()
  let output: unknown
  try {
    output = text === '' ? undefined : JSON.parse(text)
  } catch {
    output = text
  }
  if (code === 0) return output
  const message =
    isRecord(output) && typeof output['msg'] === 'string' ? output['msg'] : Buffer.concat(stderr).toString()
  const details = isRecord(output) && typeof output['details'] === 'string' ? `: ${output['details']}` : ''
  throw new Error(message.trim() === '' ? `plugin ${file} exited with ${code}` : `${message.trim()}${details}`)
}

/** What a plugin gets for the capabilities that it declares. */
const runtimeConfig = (plugin: PluginConfig, target: NetworkTarget): Record<string, unknown> | undefined => {
  if (plugin.capabilities?.['portMappings'] !== true || target.portMappings.length === 0) return undefined
  return {
    portMappings: target.portMappings.map(({ protocol, containerPort, hostPort, hostIP }) => ({
      hostPort,
      containerPort,
      protocol: protocol.toLowerCase(),
      ...(hostIP === '' ? {} : { hostIP }),
    })),
  }
}

export const createCni = ({ confDir, binDirs, cacheDir }: CniOptions): Cni => {
  const cacheFile = (sandboxId: string): string => join(cacheDir, `${sandboxId}.json`)

  const run = async (
    command: 'ADD' | 'DEL',
    plugin: PluginConfig,
    { target, network, previous }: { target: NetworkTarget; network: NetworkConfig; previous: unknown },
  ): Promise<unknown> => {
    const { capabilities: _capabilities, ...config } = plugin
    const runtime = runtimeConfig(plugin, target)
    // Without ports portmap only hands on what it got, for the price of a process.
    if (plugin.type === 'portmap' && runtime === undefined) return previous
    return execPlugin(
      await findPlugin(plugin.type, binDirs),
      {
        CNI_COMMAND: command,
        CNI_CONTAINERID: target.sandboxId,
        CNI_NETNS: target.netns,
        CNI_IFNAME: interfaceName,
        CNI_PATH: binDirs.join(':'),
        CNI_ARGS: cniArgsOf(target)
          .map(([name, value]) => `${name}=${value}`)
          .join(';'),
      },
      {
        ...config,
        cniVersion: network.cniVersion,
        name: network.name,
        ...(runtime === undefined ? {} : { runtimeConfig: runtime }),
        ...(previous === undefined ? {} : { prevResult: previous }),
      },
    )
  }

  const cached = async (sandboxId: string): Promise<CachedNetwork | undefined> => {
    try {
      return JSON.parse(await readFile(cacheFile(sandboxId), 'utf8')) as CachedNetwork
    } catch {
      return undefined
    }
  }

  const remove = async (sandboxId: string, netns: string): Promise<void> => {
    const entry = await cached(sandboxId)
    if (entry === undefined) return
    const target = { ...entry.target, netns }
    for (const plugin of entry.network.plugins.toReversed()) {
      await run('DEL', plugin, { target, network: entry.network, previous: entry.result })
    }
    await rm(cacheFile(sandboxId), { force: true })
  }

  return {
    notReadyReason: async () =>
      (await loadNetworkConfig(confDir)) === undefined
        ? 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized'
        : '',
    add: async (target) => {
      const network = await loadNetworkConfig(confDir)
      if (network === undefined) throw new Error(`no CNI network is configured in ${confDir}`)
      await mkdir(cacheDir, { recursive: true, mode: 0o700 })
      const save = async (result: unknown): Promise<void> => {
        const entry: CachedNetwork = {
          kind: 'cniCacheV1',
          containerId: target.sandboxId,
          ifName: interfaceName,
          networkName: network.name,
          cniArgs: cniArgsOf(target),
          target,
          network,
          result,
        }
        await writeFile(`${cacheFile(target.sandboxId)}.tmp`, JSON.stringify(entry))
        await rename(`${cacheFile(target.sandboxId)}.tmp`, cacheFile(target.sandboxId))
      }
      // Written before anything is made: a kubelet killed in between finds out what to take down.
      await save(undefined)
      let result: unknown
      for (const plugin of network.plugins) result = await run('ADD', plugin, { target, network, previous: result })
      await save(result)
      return addressesOf(result)
    },
    remove,
    addresses: async (sandboxId) => addressesOf((await cached(sandboxId))?.result),
    collectGarbage: async (live) => {
      const names = await readdir(cacheDir).catch((): string[] => [])
      for (const id of names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length))) {
        if (!live.has(id)) await remove(id, '').catch(() => undefined)
      }
    },
  }
}
