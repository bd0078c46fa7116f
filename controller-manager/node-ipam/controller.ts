/** Gives each Node its Pod ranges. Upstream: pkg/controller/nodeipam, RangeAllocator. */
import { isReason } from '../../api/meta/status-error.ts'
import { nodes } from '../../api/resources.ts'
import type { Node } from '../../api/types.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { Controller } from '../context.ts'
import type { ControllerManagerConfig } from '../options.ts'
import { isDeleting, nameOf } from '../objects.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { CidrSet } from './cidr-set.ts'

/** Upstream: 30 workers of the range allocator. */
const concurrency = 30

const maskSizeOf = (config: ControllerManagerConfig, family: 'IPv4' | 'IPv6'): number => {
  const own = config[family === 'IPv4' ? 'node-cidr-mask-size-ipv4' : 'node-cidr-mask-size-ipv6']
  return own || config['node-cidr-mask-size'] || (family === 'IPv4' ? 24 : 64)
}

const rangesOf = (node: Node): string[] =>
  node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined || node.spec.podCIDR === '' ? [] : [node.spec.podCIDR])

/** One set a family; ranges of Services are kept out. */
const createSets = (config: ControllerManagerConfig): CidrSet[] => {
  const sets = config['cluster-cidr'].map((cidr) => {
    try {
      return new CidrSet(cidr, maskSizeOf(config, cidr.includes(':') ? 'IPv6' : 'IPv4'))
    } catch (error) {
      throw error instanceof RangeError ? new UsageError(error.message) : error
    }
  })
  for (const range of config['service-cluster-ip-range']) for (const set of sets) set.occupy(range)
  return sets
}

export const nodeIpamController: Controller = {
  name: 'node-ipam-controller',
  eventSource: 'cidrAllocator',
  serviceAccount: 'node-controller',
  setup: (context) => {
    const { client, informers, events, config } = context
    if (!config['allocate-node-cidrs'] || config['cluster-cidr'].length === 0) return undefined
    const sets = createSets(config)
    const queue = queueOf(context)
    const cache = informers.for(nodes)
    /** Ranges of Nodes whose write has not succeeded yet. */
    const pending = new Map<string, (string | undefined)[]>()
    const occupy = (node: Node): void => {
      for (const range of rangesOf(node)) for (const set of sets) set.occupy(range)
    }
    cache.addHandler({
      onAdd: (node) => {
        occupy(node)
        if (rangesOf(node).length === 0) queue.add(nameOf(node))
      },
      onUpdate: (_old, node) => {
        if (rangesOf(node).length === 0) queue.add(nameOf(node))
        else occupy(node)
      },
      onDelete: (node) => {
        for (const range of rangesOf(node)) for (const set of sets) set.release(range)
      },
    })

    const reconcile = async (name: string): Promise<undefined> => {
      const node = cache.lister.get(name)
      if (node === undefined || isDeleting(node) || rangesOf(node).length > 0) return
      const podCIDRs = pending.get(name) ?? sets.map((set) => set.allocate())
      const release = (): void => {
        pending.delete(name)
        for (const [index, range] of podCIDRs.entries()) if (range !== undefined) sets[index]?.release(range)
      }
      if (podCIDRs.includes(undefined)) {
        release()
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
        throw new Error(`no CIDR is left for node ${name}`)
      }
      pending.set(name, podCIDRs)
      try {
        const spec = { podCIDR: podCIDRs[0], podCIDRs }
        // Not for one version alone: a new Node is written by many. A second range the API server does not take.
        await client.patch(nodes, name, undefined, { spec }, { type: 'merge' })
        pending.delete(name)
      } catch (error) {
        if (isReason(error, 'Invalid')) {
          release() // it has a range, which the cache has not seen yet
          return
        }
        // Tried again with the same ranges, unless the Node is gone.
        if (isReason(error, 'NotFound')) release()
        throw error
      }
    }
    return workersOf(context, { name: 'node-ipam-controller', queue, concurrency, reconcile })
  },
}
