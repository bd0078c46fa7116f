/**
 * A table as data: chains with their rules, elements of its maps and sets. Every Service owns a fragment of it; what
 * changes in the kernel is the difference between a fragment's old and new form.
 */

export interface Fragment {
  /** Rules by chain, in order. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Own maps and sets, by name: the body of their declaration. */
  readonly sets: ReadonlyMap<string, string>
  /** Elements of shared maps and sets: `map name` to key to value ('' in a set). */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
}

export const emptyFragment: Fragment = { chains: new Map(), sets: new Map(), elements: new Map() }

/** All fragments as one; used to write the whole table at once. */
export const mergeFragments = (fragments: Iterable<Fragment>): Fragment => {
  const chains = new Map<string, readonly string[]>()
  const sets = new Map<string, string>()
  const elements = new Map<string, Map<string, string>>()
  for (const fragment of fragments) {
    for (const [name, rules] of fragment.chains) chains.set(name, rules)
    for (const [name, body] of fragment.sets) sets.set(name, body)
    for (const [name, items] of fragment.elements) {
      const merged = elements.get(name) ?? new Map<string, string>()
      for (const [key, value] of items) merged.set(key, value)
      elements.set(name, merged)
    }
  }
  return { chains, sets, elements }
}

const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index])

const elementText = (key: string, value: string): string => (value === '' ? key : `${key} : ${value}`)
/** One command with many elements is far cheaper than many commands. */
const elementCommand = (verb: 'add' | 'delete', table: string, name: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`${verb} element ${table} ${name} { ${items.join(', ')} }`]

/**
 * The commands that turn `before` into `after`, in an order that nft accepts within one transaction: new chains and
 * sets, rules, elements out, elements in, and last the chains and sets that nothing refers to any more.
 */
export const diffFragments = (table: string, before: Fragment, after: Fragment): string[] => {
  const commands: string[] = []
  for (const [name, body] of after.sets) {
    if (before.sets.get(name) !== body)
      commands.push(`add ${body.startsWith('map ') ? 'map' : 'set'} ${table} ${name} ${body.slice(4)}`)
  }
  for (const name of after.chains.keys()) if (!before.chains.has(name)) commands.push(`add chain ${table} ${name}`)
  for (const [name, rules] of after.chains) {
    const old = before.chains.get(name)
    if (sameRules(old, rules)) continue
    if (old !== undefined) commands.push(`flush chain ${table} ${name}`)
    for (const rule of rules) commands.push(`add rule ${table} ${name} ${rule}`)
  }
  const names = new Set([...before.elements.keys(), ...after.elements.keys()])
  for (const name of names) {
    const old = before.elements.get(name) ?? new Map<string, string>()
    const next = after.elements.get(name) ?? new Map<string, string>()
    const gone = [...old].filter(([key, value]) => next.get(key) !== value).map(([key]) => key)
    const added = [...next]
      .filter(([key, value]) => old.get(key) !== value)
      .map(([key, value]) => elementText(key, value))
    commands.push(...elementCommand('delete', table, name, gone), ...elementCommand('add', table, name, added))
  }
  const dead = [...before.chains.keys()].filter((name) => !after.chains.has(name))
  for (const name of dead) commands.push(`flush chain ${table} ${name}`)
  for (const name of dead) commands.push(`delete chain ${table} ${name}`)
  for (const [name, body] of before.sets) {
    if (!after.sets.has(name)) commands.push(`delete ${body.startsWith('map ') ? 'map' : 'set'} ${table} ${name}`)
  }
  return commands
}
