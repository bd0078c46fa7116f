/**
 * Which addresses this node's Pods have, from CNI's own cache of results: whoever calls the plugins (the kubelet here,
 * libcni elsewhere) keeps there what they answered. It is written before the first container starts, and so long before
 * the Pod's status tells the address to the API.
 */
import { watch } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { SandboxAddresses } from './pod-facts.ts'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export interface Sandbox {
  readonly podUid: string
  readonly ips: readonly string[]
}

/** What a cached result says; undefined for other files, and for Pods whose network is not made yet. */
export const parseCachedResult = (text: string): Sandbox | undefined => {
  let entry: unknown
  try {
    entry = JSON.parse(text)
  } catch {
    return undefined // half written: the watch tells when it is whole
  }
  if (!isRecord(entry) || entry['kind'] !== 'cniCacheV1' || !isRecord(entry['result'])) return undefined
  if (entry['ifName'] === 'lo') return undefined // runtimes have that one made by a plugin, too
  const args: unknown = entry['cniArgs']
  const uid: unknown = (Array.isArray(args) ? (args as unknown[]) : []).find(
    (arg): arg is [string, string] => Array.isArray(arg) && arg[0] === 'K8S_POD_UID' && typeof arg[1] === 'string',
  )?.[1]
  const found: unknown = entry['result']['ips']
  const ips = (Array.isArray(found) ? (found as unknown[]) : []).flatMap((ip) =>
    isRecord(ip) && typeof ip['address'] === 'string' ? [ip['address'].split('/')[0] ?? ''] : [],
  )
  return typeof uid === 'string' && ips.length > 0 ? { podUid: uid, ips } : undefined
}

/** By UID; a Pod whose sandbox is being exchanged has the addresses of both. */
const byUid = (sandboxes: Iterable<Sandbox>): SandboxAddresses => {
  const addresses = new Map<string, readonly string[]>()
  for (const { podUid, ips } of sandboxes) addresses.set(podUid, [...(addresses.get(podUid) ?? []), ...ips])
  return addresses
}

/**
 * Follows the cache until the signal is aborted: `changed` has all addresses, now and after every change. Returns when
 * it was called for the first time.
 */
export const followSandboxes = async (
  directory: string,
  changed: (sandboxes: SandboxAddresses) => void,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const known = new Map<string, Sandbox>()
  const dirty = new Set<string>()
  let reading: Promise<void> | undefined
  const readOne = async (name: string): Promise<void> => {
    const sandbox = parseCachedResult(await readFile(join(directory, name), 'utf8').catch(() => ''))
    if (sandbox === undefined) known.delete(name)
    else known.set(name, sandbox)
  }
  const read = async (): Promise<void> => {
    // At least once: so it never ends before `reading` is set.
    do {
      const names = [...dirty]
      dirty.clear()
      await Promise.all(names.map(readOne))
      changed(byUid(known.values()))
    } while (dirty.size > 0)
    reading = undefined
  }
  const watcher = watch(directory, { signal, persistent: false }, (_event, name) => {
    if (name === null) return
    dirty.add(name)
    reading ??= read()
  })
  watcher.on('error', (err) => log.error({ err, directory }, 'the cache of CNI results is no longer followed'))
  for (const name of await readdir(directory)) dirty.add(name)
  await (reading ??= read())
}
