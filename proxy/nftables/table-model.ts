/** What tables of many owners hold, and what of it the kernel does not have yet. */
import { addContainer } from './base-table.ts'
import { emptyFragment, type Fragment } from './table.ts'

interface Claim {
  readonly owner: string
  readonly value: string
}

/** What the kernel has under a name, as far as we know; undefined is nothing. */
type Before<Value> = Map<string, Value | undefined>

const sameRules = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a !== undefined && b !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index])

const elementText = (key: string, value: string): string => (value === '' ? key : `${key} : ${value}`)

/** One command with many elements is far cheaper than many commands. */
const elementCommand = (verb: 'add' | 'delete', table: string, name: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`${verb} element ${table} ${name} { ${items.join(', ')} }`]

/** Names of what a table has in the kernel. */
export interface Existing {
  readonly chains: readonly string[]
  /** `set` or `map` by name. */
  readonly containers: ReadonlyMap<string, 'set' | 'map'>
}

export interface Changes {
  readonly commands: readonly string[]
  /** Chains that were emptied: nothing leads to them any more, and they may be deleted in a while. */
  readonly retired: readonly string[]
  /** Chains that are in use now. */
  readonly revived: readonly string[]
}

/** The table of all fragments, and what of it is not written yet. */
export class TableModel {
  readonly #table: string
  readonly #fragments = new Map<string, Fragment>()
  readonly #chains = new Map<string, readonly string[]>()
  readonly #sets = new Map<string, { readonly body: string; owners: number }>()
  /**
   * Who wants which value: two Services may have one external address and port, and an element has one value. The
   * first that came has it, until it lets go.
   */
  readonly #elements = new Map<string, Map<string, Claim[]>>()
  readonly #dirtyChains: Before<readonly string[]> = new Map()
  readonly #dirtySets: Before<string> = new Map()
  readonly #dirtyElements = new Map<string, Before<string>>()

  constructor(table: string) {
    this.#table = table
  }

  /** Exchanges what an owner has in the table. */
  replace(owner: string, next: Fragment): void {
    const before = this.#fragments.get(owner) ?? emptyFragment
    if (next === emptyFragment) this.#fragments.delete(owner)
    else this.#fragments.set(owner, next)
    for (const [name, rules] of next.chains) {
      if (!sameRules(before.chains.get(name), rules)) this.#setChain(name, rules)
    }
    for (const name of before.chains.keys()) if (!next.chains.has(name)) this.#setChain(name, undefined)
    for (const [name, body] of next.sets) if (!before.sets.has(name)) this.#hold(name, body)
    for (const name of before.sets.keys()) if (!next.sets.has(name)) this.#letGo(name)
    for (const [name, items] of next.elements) {
      const old = before.elements.get(name)
      for (const [key, value] of items) if (old?.get(key) !== value) this.#claim(name, key, { owner, value })
    }
    for (const [name, items] of before.elements) {
      const kept = next.elements.get(name)
      for (const key of items.keys()) if (kept?.has(key) !== true) this.#release(name, key, owner)
    }
  }

  /**
   * What turns the kernel's table into this one, in an order that nft accepts within one transaction. It counts as
   * written: if it was not, the next write must be `everything`.
   */
  changes(): Changes {
    const table = this.#table
    const commands: string[] = []
    const retired: string[] = []
    const revived: string[] = []
    for (const [name, body] of this.#dirtySets) {
      const next = this.#sets.get(name)?.body
      if (body === undefined && next !== undefined) commands.push(addContainer(table, name, next))
    }
    const chains = [...this.#dirtyChains].filter(([name, old]) => {
      const rules = this.#chains.get(name)
      return old !== rules && !sameRules(old, rules)
    })
    for (const [name, old] of chains) {
      if (!this.#chains.has(name)) continue
      if (old === undefined) commands.push(`add chain ${table} ${name}`)
      if (old === undefined) revived.push(name)
    }
    for (const [name, old] of chains) {
      const rules = this.#chains.get(name)
      if (old !== undefined) commands.push(`flush chain ${table} ${name}`)
      if (rules === undefined) retired.push(name)
      else for (const rule of rules) commands.push(`add rule ${table} ${name} ${rule}`)
    }
    for (const [name, keys] of this.#dirtyElements) commands.push(...this.#elementChanges(name, keys))
    for (const [name, body] of this.#dirtySets) {
      if (body !== undefined && !this.#sets.has(name)) commands.push(`delete ${body.slice(0, 3)} ${table} ${name}`)
    }
    this.#settle()
    return { commands, retired, revived }
  }

  /** All of it, over whatever the kernel holds; `base` comes first, and empties the shared sets and maps. */
  everything(base: readonly string[], existing: Existing): Changes {
    const table = this.#table
    const commands = [...base]
    const present = new Set(existing.chains)
    for (const [name, { body }] of this.#sets) {
      commands.push(addContainer(table, name, body))
      // Affinity sets keep the clients that they remember.
      if (body.startsWith('map')) commands.push(`flush map ${table} ${name}`)
    }
    for (const name of this.#chains.keys()) commands.push(`add chain ${table} ${name}`)
    const retired = existing.chains.filter((name) => !this.#chains.has(name))
    for (const name of existing.chains) commands.push(`flush chain ${table} ${name}`)
    for (const [name, rules] of this.#chains) {
      for (const rule of rules) commands.push(`add rule ${table} ${name} ${rule}`)
    }
    for (const [name, claims] of this.#elements) {
      const items = [...claims].map(([key, [first]]) => elementText(key, first?.value ?? ''))
      commands.push(...elementCommand('add', table, name, items))
    }
    for (const [name, kind] of existing.containers) {
      if (!this.#sets.has(name)) commands.push(`delete ${kind} ${table} ${name}`)
    }
    this.#settle()
    return { commands, retired, revived: [...this.#chains.keys()].filter((name) => !present.has(name)) }
  }

  #elementChanges(name: string, keys: Before<string>): string[] {
    const gone: string[] = []
    const added: string[] = []
    for (const [key, old] of keys) {
      const value = this.#elements.get(name)?.get(key)?.[0]?.value
      if (old === value) continue
      if (old !== undefined) gone.push(key)
      if (value !== undefined) added.push(elementText(key, value))
    }
    return [...elementCommand('delete', this.#table, name, gone), ...elementCommand('add', this.#table, name, added)]
  }

  #setChain(name: string, rules: readonly string[] | undefined): void {
    if (!this.#dirtyChains.has(name)) this.#dirtyChains.set(name, this.#chains.get(name))
    if (rules === undefined) this.#chains.delete(name)
    else this.#chains.set(name, rules)
  }

  #hold(name: string, body: string): void {
    const container = this.#sets.get(name)
    if (container !== undefined) {
      container.owners++
      return
    }
    if (!this.#dirtySets.has(name)) this.#dirtySets.set(name, undefined)
    this.#sets.set(name, { body, owners: 1 })
  }

  #letGo(name: string): void {
    const container = this.#sets.get(name)
    if (container === undefined || --container.owners > 0) return
    if (!this.#dirtySets.has(name)) this.#dirtySets.set(name, container.body)
    this.#sets.delete(name)
  }

  #claim(container: string, key: string, claim: Claim): void {
    const claims = this.#touch(container, key)
    const index = claims.findIndex(({ owner }) => owner === claim.owner)
    if (index < 0) claims.push(claim)
    else claims[index] = claim
  }

  #release(container: string, key: string, owner: string): void {
    const claims = this.#touch(container, key)
    const index = claims.findIndex((claim) => claim.owner === owner)
    if (index >= 0) claims.splice(index, 1)
    if (claims.length === 0) this.#elements.get(container)?.delete(key)
  }

  /** The claims of a key, after a note of what the kernel has for it. */
  #touch(container: string, key: string): Claim[] {
    const items = this.#elements.get(container) ?? new Map<string, Claim[]>()
    this.#elements.set(container, items)
    const claims = items.get(key) ?? []
    items.set(key, claims)
    const dirty = this.#dirtyElements.get(container) ?? new Map<string, string | undefined>()
    this.#dirtyElements.set(container, dirty)
    if (!dirty.has(key)) dirty.set(key, claims[0]?.value)
    return claims
  }

  #settle(): void {
    this.#dirtyChains.clear()
    this.#dirtySets.clear()
    this.#dirtyElements.clear()
  }
}
