/** Which resource a key of the store belongs to. */
import { kinds, optionalKinds } from '../../api/kinds.ts'
import { resourcePrefix } from '../storage/keys.ts'
import type { ResourceName } from './resource-names.ts'

/** Where upstream's allocators keep their state. */
const allocators: Readonly<Record<string, string>> = {
  'ranges/serviceips': 'serviceipallocations',
  'ranges/servicenodeports': 'servicenodeportallocations',
}

/** Keys of custom resources and of groups with a server of their own have the group in them. */
const fromParts = ([first = '', second = '']: readonly string[]): ResourceName => {
  const allocator = allocators[`${first}/${second}`]
  if (allocator !== undefined) return { group: '', resource: allocator }
  return first.includes('.') ? { group: first, resource: second } : { group: '', resource: first }
}

/** Answers for any key below `root`. */
export const createResourceOfKey = (root: string): ((key: string) => ResourceName) => {
  const byPrefix = new Map<string, ResourceName>()
  for (const kind of [...kinds, ...optionalKinds]) {
    const prefix = resourcePrefix(root, kind)
    // Events are stored once, whichever group they were written through: the core group's.
    if (!byPrefix.has(prefix) || kind.group === '') byPrefix.set(prefix, { group: kind.group, resource: kind.plural })
  }
  const start = root.length + 1
  return (key) => {
    const first = key.indexOf('/', start)
    const second = first < 0 ? -1 : key.indexOf('/', first + 1)
    const found =
      byPrefix.get(key.slice(0, first + 1)) ?? (second < 0 ? undefined : byPrefix.get(key.slice(0, second + 1)))
    return found ?? fromParts(key.slice(start).split('/'))
  }
}
