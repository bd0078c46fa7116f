/**
 * All policies, Pods and namespaces as one node sees them, and what they make of its table.
 *
 *     Pod ──► local address ──► policies that select it ──► groups and named ports that their rules look up
 *
 * Each of the four is a fragment of the table. What this node has no Pod for is not in it, and what no fragment refers
 * to is not kept up to date. A change marks fragments as dirty, from left to right; `flush` makes them anew and returns
 * what was and what is. No I/O.
 */
import { isDeepStrictEqual } from 'node:util'
import { emptyFragment, type Fragment, mergeFragments } from '../nftables/table.ts'
import { type CompiledPolicy, type GroupSpec, referencesOf } from './compile.ts'
import { type PodFacts, sameFacts } from './pod-facts.ts'
import { addressFragment, groupFragment, nodeFragment, policyFragment, portFragment } from './ruleset.ts'

type Labels = Readonly<Record<string, string>>

/** Something of which others use parts: how many do, and which. */
class Users<T> {
  readonly #counts = new Map<string, { count: number; readonly value: T }>()

  /** Exchanges what one user used for what it uses now; returns the keys that came into use or went out of it. */
  exchange(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): string[] {
    const changed: string[] = []
    for (const [key, value] of after) {
      if (before.has(key)) continue
      const entry = this.#counts.get(key)
      if (entry === undefined) changed.push(key)
      this.#counts.set(key, { count: (entry?.count ?? 0) + 1, value })
    }
    for (const key of before.keys()) {
      if (after.has(key)) continue
      const entry = this.#counts.get(key)
      if (entry === undefined) continue
      if (entry.count > 1) entry.count -= 1
      else {
        this.#counts.delete(key)
        changed.push(key)
      }
    }
    return changed
  }

  get(key: string): T | undefined {
    return this.#counts.get(key)?.value
  }

  has(key: string): boolean {
    return this.#counts.has(key)
  }

  entries(): [string, T][] {
    return Array.from(this.#counts, ([key, { value }]) => [key, value])
  }
}

const nothing: ReadonlyMap<string, never> = new Map<string, never>()

export interface NodeNetwork {
  readonly podRanges: readonly string[]
  readonly clusterDns: readonly string[]
}

export class PolicyState {
  readonly #policies = new Map<string, CompiledPolicy>()
  readonly #policiesOf = new Map<string, Set<string>>()
  readonly #pods = new Map<string, PodFacts>()
  readonly #podsOf = new Map<string, Set<string>>()
  readonly #namespaces = new Map<string, Labels>()
  /** Local Pods by each of their addresses. */
  readonly #atAddress = new Map<string, Set<string>>()
  #node: NodeNetwork = { podRanges: [], clusterDns: [] }

  /** Which policies an address uses, and which groups and ports a policy uses. */
  readonly #policyUsers = new Users<true>()
  readonly #groupUsers = new Users<GroupSpec>()
  readonly #portUsers = new Users<true>()
  readonly #policiesAt = new Map<string, ReadonlyMap<string, true>>()
  readonly #groupsIn = new Map<string, ReadonlyMap<string, GroupSpec>>()
  readonly #portsIn = new Map<string, ReadonlyMap<string, true>>()

  readonly #dirtyAddresses = new Set<string>()
  readonly #dirtyPolicies = new Set<string>()
  readonly #dirtyGroups = new Set<string>()
  readonly #dirtyPorts = new Set<string>()
  #dirtyNode = false

  /** The fragments that make the table, by what they are of. */
  readonly #written = new Map<string, Fragment>()

  get policyCount(): number {
    return this.#policies.size
  }

  setNode(node: NodeNetwork): void {
    if (JSON.stringify(node) === JSON.stringify(this.#node)) return
    this.#node = node
    this.#dirtyNode = true
  }

  setPolicy(key: string, policy: CompiledPolicy | undefined): void {
    const [namespace = ''] = key.split('/')
    if (policy === undefined) this.#policies.delete(key)
    else this.#policies.set(key, policy)
    exchangeIn(this.#policiesOf, namespace, key, policy !== undefined)
    this.#dirtyPolicies.add(key)
    for (const pod of this.#podsIn(namespace)) if (pod.isLocal) for (const ip of pod.ips) this.#dirtyAddresses.add(ip)
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    const before = this.#namespaces.get(name)
    if (isDeepStrictEqual(before, labels)) return
    if (labels === undefined) this.#namespaces.delete(name)
    else this.#namespaces.set(name, labels)
    for (const [key, { namespaces }] of this.#groupUsers.entries()) {
      if (namespaces.type !== 'labels') continue
      const was = before !== undefined && namespaces.match(before)
      const is = labels !== undefined && namespaces.match(labels)
      if (was !== is) this.#dirtyGroups.add(key)
    }
  }

  setPod(key: string, facts: PodFacts | undefined): void {
    const before = this.#pods.get(key)
    if (sameFacts(before, facts)) return
    const [namespace = ''] = key.split('/')
    if (facts === undefined) this.#pods.delete(key)
    else this.#pods.set(key, facts)
    exchangeIn(this.#podsOf, namespace, key, facts !== undefined)
    for (const ip of before?.isLocal === true ? before.ips : []) {
      exchangeIn(this.#atAddress, ip, key, false)
      this.#dirtyAddresses.add(ip)
    }
    for (const ip of facts?.isLocal === true ? facts.ips : []) {
      exchangeIn(this.#atAddress, ip, key, true)
      this.#dirtyAddresses.add(ip)
    }
    for (const [group, spec] of this.#groupUsers.entries()) {
      if ((before !== undefined && this.#isIn(before, spec)) || (facts !== undefined && this.#isIn(facts, spec)))
        this.#dirtyGroups.add(group)
    }
    for (const port of [...(before?.ports.keys() ?? []), ...(facts?.ports.keys() ?? [])])
      if (this.#portUsers.has(port)) this.#dirtyPorts.add(port)
  }

  /** All that changed since the last flush, as parts of the table before and after. */
  flush(): { readonly before: Fragment; readonly after: Fragment } {
    const before: Fragment[] = []
    const after: Fragment[] = []
    const put = (id: string, fragment: Fragment): void => {
      before.push(this.#written.get(id) ?? emptyFragment)
      after.push(fragment)
      if (fragment === emptyFragment) this.#written.delete(id)
      else this.#written.set(id, fragment)
    }
    if (this.#dirtyNode) put('node', nodeFragment(this.#node.podRanges, this.#node.clusterDns))
    for (const ip of this.#dirtyAddresses) put(`address ${ip}`, this.#address(ip))
    for (const key of this.#dirtyPolicies) put(`policy ${key}`, this.#policy(key))
    for (const key of this.#dirtyGroups) put(`group ${key}`, this.#group(key))
    for (const port of this.#dirtyPorts) put(`port ${port}`, this.#port(port))
    this.#dirtyNode = false
    for (const dirty of [this.#dirtyAddresses, this.#dirtyPolicies, this.#dirtyGroups, this.#dirtyPorts]) dirty.clear()
    return { before: mergeFragments(before), after: mergeFragments(after) }
  }

  /** The whole table as it was last flushed. */
  whole(): Fragment {
    return mergeFragments(this.#written.values())
  }

  #address(ip: string): Fragment {
    const holders = [...(this.#atAddress.get(ip) ?? [])].flatMap((key) => this.#pods.get(key) ?? [])
    const holder = holders.toSorted((a, b) => (a.rank < b.rank ? 1 : -1))[0]
    const policies =
      holder === undefined
        ? []
        : [...(this.#policiesOf.get(holder.namespace) ?? [])]
            .flatMap((key) => this.#policies.get(key) ?? [])
            .filter((policy) => policy.selects(holder.labels))
    const used = new Map(policies.map(({ key }) => [key, true as const]))
    for (const key of this.#policyUsers.exchange(this.#policiesAt.get(ip) ?? nothing, used))
      this.#dirtyPolicies.add(key)
    if (holder === undefined) this.#policiesAt.delete(ip)
    else this.#policiesAt.set(ip, used)
    return holder === undefined ? emptyFragment : addressFragment(ip, policies)
  }

  #policy(key: string): Fragment {
    const policy = this.#policyUsers.has(key) ? this.#policies.get(key) : undefined
    const references = policy === undefined ? undefined : referencesOf(policy)
    const groups = new Map(references?.groups.map((group) => [group.key, group]))
    const ports = new Map(references?.ports.map((port) => [port, true as const]))
    for (const group of this.#groupUsers.exchange(this.#groupsIn.get(key) ?? nothing, groups))
      this.#dirtyGroups.add(group)
    for (const port of this.#portUsers.exchange(this.#portsIn.get(key) ?? nothing, ports)) this.#dirtyPorts.add(port)
    this.#groupsIn.set(key, groups)
    this.#portsIn.set(key, ports)
    if (policy !== undefined) return policyFragment(policy)
    this.#groupsIn.delete(key)
    this.#portsIn.delete(key)
    return emptyFragment
  }

  #group(key: string): Fragment {
    const spec = this.#groupUsers.get(key)
    if (spec === undefined) return emptyFragment
    const { namespaces } = spec
    const names =
      namespaces.type === 'one'
        ? [namespaces.name]
        : [...this.#namespaces].filter(([, labels]) => namespaces.match(labels)).map(([name]) => name)
    const members = names.flatMap((name) => this.#podsIn(name)).filter(({ labels }) => spec.matchPod(labels))
    return groupFragment(
      key,
      members.flatMap(({ ips }) => ips),
    )
  }

  #port(port: string): Fragment {
    if (!this.#portUsers.has(port)) return emptyFragment
    const holders = [...this.#pods.values()].flatMap(({ ips, ports }) => {
      const number = ports.get(port)
      return number === undefined ? [] : ips.map((ip): [string, number] => [ip, number])
    })
    return portFragment(port, holders)
  }

  #isIn({ namespace, labels }: PodFacts, { namespaces, matchPod }: GroupSpec): boolean {
    if (namespaces.type === 'one') return namespaces.name === namespace && matchPod(labels)
    const own = this.#namespaces.get(namespace)
    return own !== undefined && namespaces.match(own) && matchPod(labels)
  }

  #podsIn(namespace: string): PodFacts[] {
    return [...(this.#podsOf.get(namespace) ?? [])].flatMap((key) => this.#pods.get(key) ?? [])
  }
}

/** Puts a member into the set of a key, or takes it out of it; no empty set stays. */
const exchangeIn = (sets: Map<string, Set<string>>, key: string, member: string, isIn: boolean): void => {
  const set = sets.get(key) ?? new Set<string>()
  if (isIn) set.add(member)
  else set.delete(member)
  if (set.size === 0) sets.delete(key)
  else sets.set(key, set)
}
