/** Keeps the node's policy table equal to what NetworkPolicies, Pods and namespaces say. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import {
  networkPolicies as policiesRef,
  namespaces as namespacesRef,
  nodes as nodesRef,
  pods as podsRef,
} from '../../api/resources.ts'
import type { Namespace, NetworkPolicy, Node, Pod } from '../../api/types.ts'
import type { InformerFactory } from '../../client/cache/informer.ts'
import { objectKey } from '../../client/cache/store.ts'
import { sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { ProxyMetrics } from '../metrics.ts'
import { applyNft } from '../nftables/nft.ts'
import { diffFragments, emptyFragment } from '../nftables/table.ts'
import { podCIDRsOf } from '../node-settings.ts'
import { compilePolicy, namedPort } from './compile.ts'
import { factsOf, type PodFacts, type SandboxAddresses, trimPod } from './pod-facts.ts'
import { PolicyState } from './policy-state.ts'
import { policyBaseRules, policyTable } from './ruleset.ts'
import { followSandboxes } from './sandboxes.ts'

const execFileAsync = promisify(execFile)

export interface PolicyEngineOptions {
  readonly nodeName: string
  /** Addresses where this node answers cluster DNS. */
  readonly clusterDns: readonly string[]
  /** CNI's cache of results on this node; '' where there is none to read: then a Pod's status tells its address. */
  readonly cniCache: string
  readonly informers: InformerFactory
  readonly metrics: ProxyMetrics
  readonly log: Logger
}

const retryMs = 1_000
/** Changes that come together are written together. */
const gatherMs = 2

/** Takes the table away, also one that was left by an earlier process. */
export const removePolicyTable = (): Promise<void> =>
  applyNft([`add table ${policyTable}`, `delete table ${policyTable}`])

/**
 * Cluster DNS, which other clusters have in Pods of their own, is in the nodes' proxies here. For policies it is the
 * Pod that it would be.
 */
export const clusterDnsPod = (ips: readonly string[]): PodFacts => ({
  key: 'kube-system/coredns',
  uid: '',
  namespace: 'kube-system',
  labels: { 'k8s-app': 'kube-dns' },
  ips,
  isLocal: false,
  ports: new Map([
    [namedPort('udp', 'dns'), 53],
    [namedPort('tcp', 'dns-tcp'), 53],
  ]),
  rank: '',
})

const bridgeSettings = ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables'].map(
  (name) => `/proc/sys/net/bridge/${name}`,
)

/** Frames between two Pods of this node cross its bridge: they must be shown to the rules. */
const filterBridgedFrames = async (log: Logger): Promise<void> => {
  const set = async (): Promise<void> => {
    for (const path of bridgeSettings) if ((await readFile(path, 'utf8')).trim() !== '1') await writeFile(path, '1')
  }
  try {
    await set()
  } catch {
    // Docker loads the module; on a machine without Docker nobody has yet.
    await execFileAsync('modprobe', ['br_netfilter']).catch(() => undefined)
    await set().catch((err: unknown) =>
      log.error({ err }, 'policies are not enforced between Pods of this node: it needs the module br_netfilter'),
    )
  }
}

/** What is written and how it stands to the kernel: `absent` is a node without policies, `unknown` after a failure. */
type Table = 'absent' | 'current' | 'unknown'

/**
 * Runs until the signal is aborted. Nothing but policies is watched, and there is no table, before the first policy;
 * the table stays when the process ends, and is exchanged in one transaction by the next one.
 */
export const runPolicyEngine = async (options: PolicyEngineOptions, signal: AbortSignal): Promise<void> => {
  const { nodeName, clusterDns, cniCache, informers, metrics, log } = options
  const state = new PolicyState()
  let sandboxes: SandboxAddresses = new Map()
  let table: Table = 'unknown'
  let wake = Promise.withResolvers<void>()
  const changed = (): void => wake.resolve()
  signal.addEventListener('abort', changed, { once: true })

  const policies = informers.for(policiesRef)
  policies.addHandler({
    onAdd: (policy) => setPolicy(policy),
    onUpdate: (_, policy) => setPolicy(policy),
    onDelete: (policy) => {
      state.setPolicy(objectKey(policy), undefined)
      changed()
    },
  })
  const setPolicy = (policy: NetworkPolicy): void => {
    state.setPolicy(objectKey(policy), compilePolicy(policy))
    changed()
  }

  /** The rest of the world, which matters once there is a policy. */
  const followPods = async (): Promise<void> => {
    const pods = informers.for(podsRef, { transform: trimPod })
    const setPod = (pod: Pod): void => {
      state.setPod(objectKey(pod), factsOf(pod, nodeName, sandboxes))
      changed()
    }
    const localPods = (): Pod[] => pods.lister.list().filter(({ spec }) => spec?.nodeName === nodeName)
    const setSandboxes = (next: SandboxAddresses): void => {
      sandboxes = next
      for (const pod of localPods()) setPod(pod)
    }
    if (cniCache !== '') await followSandboxes(cniCache, setSandboxes, { signal, log })
    pods.addHandler({
      onAdd: setPod,
      onUpdate: (_, pod) => setPod(pod),
      onDelete: (pod) => {
        state.setPod(objectKey(pod), undefined)
        changed()
      },
    })
    const namespaces = informers.for(namespacesRef)
    const setNamespace = ({ metadata }: Namespace): void => {
      state.setNamespace(metadata?.name ?? '', metadata?.labels ?? {})
      changed()
    }
    namespaces.addHandler({
      onAdd: setNamespace,
      onUpdate: (_, namespace) => setNamespace(namespace),
      onDelete: ({ metadata }) => {
        state.setNamespace(metadata?.name ?? '', undefined)
        changed()
      },
    })
    const nodes = informers.for(nodesRef, { fieldSelector: `metadata.name=${nodeName}` })
    const setNode = (node: Node): void => {
      state.setNode({ podRanges: podCIDRsOf(node), clusterDns })
      changed()
    }
    nodes.addHandler({ onAdd: setNode, onUpdate: (_, node) => setNode(node) })
    if (clusterDns.length > 0) {
      const dns = clusterDnsPod(clusterDns)
      state.setPod(dns.key, dns)
    }
    state.setNode({ podRanges: [], clusterDns })
    await Promise.all([pods.whenSynced(signal), namespaces.whenSynced(signal), nodes.whenSynced(signal)])
    await filterBridgedFrames(log)
  }

  let following: Promise<void> | undefined
  const sync = async (): Promise<void> => {
    if (state.policyCount === 0) {
      if (table !== 'absent') await removePolicyTable()
      table = 'absent'
      return
    }
    following ??= followPods().catch((error: unknown) => {
      following = undefined // the next try begins anew
      throw error
    })
    await following
    const { before, after } = state.flush()
    const commands =
      table === 'current'
        ? diffFragments(policyTable, before, after)
        : [...policyBaseRules(), ...diffFragments(policyTable, emptyFragment, state.whole())]
    if (commands.length > 0) await applyNft(commands)
    table = 'current'
  }
  await policies.whenSynced(signal)
  while (!signal.aborted) {
    const startedAt = performance.now()
    try {
      await sync()
      metrics.policySyncSeconds.observe((performance.now() - startedAt) / 1000)
    } catch (err) {
      if (signal.aborted) return
      // What the kernel holds is not what we believe: the next write is of everything.
      table = 'unknown'
      metrics.policySyncFailures.inc()
      log.error({ err }, 'network policies not written; trying again')
      await sleep(retryMs, signal).catch(() => undefined)
      continue
    }
    await wake.promise
    await sleep(gatherMs, signal).catch(() => undefined)
    wake = Promise.withResolvers<void>()
  }
}
