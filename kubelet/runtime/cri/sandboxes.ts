/** Pod sandboxes on a CRI runtime. */
import { podUidLabel } from '../labels.ts'
import type { PodSandboxConfig, PodSandboxStatus } from '../runtime-service.ts'
import { type CriClient, millis, orUndefined, unlessGone } from './client.ts'
import { sandboxMessage } from './convert.ts'
import type { Owners } from './owners.ts'
import { runtimeMethods as methods } from './runtime-messages.ts'
import type { PodSandbox, PodSandboxStatus as CriStatus } from './sandbox-messages.ts'

export interface CriSandboxes {
  run(config: PodSandboxConfig): Promise<PodSandboxStatus>
  stop(id: string): Promise<void>
  remove(id: string): Promise<void>
  status(id: string): Promise<PodSandboxStatus | undefined>
  list(podUid?: string): Promise<readonly PodSandboxStatus[]>
}

/** Pulling the sandbox's image is part of it. Upstream gives it twice the time of others. */
const runTimeoutMs = 240_000

/** What does not change while a sandbox lives, and lists do not show. */
interface Wiring {
  readonly ips: readonly string[]
  readonly network: 'pod' | 'node'
}

const wiringOf = ({ network, linux }: CriStatus): Wiring => {
  if (linux?.namespaces?.options?.network === 'NODE') return { ips: [], network: 'node' }
  const ips = [network?.ip ?? '', ...(network?.additionalIps ?? []).map(({ ip }) => ip)]
  return { ips: ips.filter((ip) => ip !== ''), network: 'pod' }
}

const toStatus = (
  found: Pick<PodSandbox, 'id' | 'metadata' | 'state' | 'createdAt' | 'labels' | 'annotations'>,
  wiring: Wiring,
): PodSandboxStatus => ({
  id: found.id,
  metadata: {
    name: found.metadata?.name ?? '',
    namespace: found.metadata?.namespace ?? '',
    uid: found.metadata?.uid ?? '',
    attempt: found.metadata?.attempt ?? 0,
  },
  state: found.state,
  createdAt: millis(found.createdAt),
  ...wiring,
  labels: Object.fromEntries(found.labels),
  annotations: Object.fromEntries(found.annotations),
})

export const createSandboxes = (client: CriClient, owners: Owners): CriSandboxes => {
  const wirings = new Map<string, Wiring>()

  const find = async (id: string): Promise<CriStatus | undefined> =>
    (await orUndefined(client.call(methods.podSandboxStatus, { podSandboxId: id })))?.status

  const status = async (id: string): Promise<PodSandboxStatus | undefined> => {
    const found = await find(id)
    return found === undefined ? undefined : toStatus(found, wiringOf(found))
  }

  const wiringFor = async ({ id, state }: PodSandbox): Promise<Wiring | undefined> => {
    const known = wirings.get(id)
    if (known !== undefined) return known
    const found = await find(id)
    if (found === undefined) return undefined
    const wiring = wiringOf(found)
    // One that is being made may not have its addresses yet.
    if (state === 'notReady' || wiring.network === 'node' || wiring.ips.length > 0) wirings.set(id, wiring)
    return wiring
  }

  return {
    run: async (config) => {
      const { podSandboxId } = await client.call(
        methods.runPodSandbox,
        { config: sandboxMessage(config), runtimeHandler: config.runtimeHandler },
        { timeoutMs: runTimeoutMs },
      )
      owners.set(podSandboxId, config.metadata.uid)
      const made = await status(podSandboxId)
      if (made === undefined) throw new Error(`sandbox ${podSandboxId} has vanished`)
      return made
    },
    stop: (id) => unlessGone(client.call(methods.stopPodSandbox, { podSandboxId: id })),
    remove: async (id) => {
      await unlessGone(client.call(methods.removePodSandbox, { podSandboxId: id }))
      wirings.delete(id)
    },
    status,
    list: async (podUid) => {
      const { items } = await client.call(methods.listPodSandbox, {
        filter: podUid === undefined ? {} : { labelSelector: { [podUidLabel]: podUid } },
      })
      for (const { id, metadata } of items) owners.set(id, metadata?.uid ?? '')
      if (podUid === undefined) {
        // What others removed is not remembered for ever.
        const present = new Set(items.map(({ id }) => id))
        for (const id of wirings.keys()) if (!present.has(id)) wirings.delete(id)
      }
      const statuses = await Promise.all(
        items.map(async (item) => {
          const wiring = await wiringFor(item)
          return wiring && toStatus(item, wiring)
        }),
      )
      return statuses
        .filter((found) => found !== undefined)
        .toSorted((a, b) => b.createdAt - a.createdAt || b.metadata.attempt - a.metadata.attempt)
    },
  }
}
