/**
 * Places for servers in the proxies' configuration. A backend has more of them than it needs, so that endpoints come
 * and go in a running proxy, without a reload, and each keeps its place while it lives. Pure.
 */
import type { Server } from './routes.ts'

/** A place and who has it; undefined is free. */
export type Slots = readonly (Server | undefined)[]

/** Slots by the backend's name. */
export type BackendSlots = ReadonlyMap<string, Slots>

const fewest = 4

const idOf = ({ ip, port }: Server): string => `${ip} ${port}`

/** The slots for `servers`: who has one keeps it; there are twice as many when they are too few, and never fewer. */
export const assignSlots = (before: Slots, servers: readonly Server[]): Slots => {
  const wanted = new Map(servers.map((server) => [idOf(server), server]))
  const slots = before.map((server) => {
    if (server === undefined || !wanted.delete(idOf(server))) return undefined
    return server
  })
  let count = Math.max(fewest, before.length)
  while (count < servers.length) count *= 2
  const rest = wanted.values()
  return Array.from({ length: count }, (_, index) => slots[index] ?? rest.next().value)
}

export const assignAllSlots = (before: BackendSlots, backends: ReadonlyMap<string, readonly Server[]>): BackendSlots =>
  new Map(Array.from(backends, ([name, servers]) => [name, assignSlots(before.get(name) ?? [], servers)]))

export const slotName = (index: number): string => `s${index}`

/** What HAProxy is to be told so that `before` becomes `after`, which has as many slots. */
export const slotCommands = (before: BackendSlots, after: BackendSlots): string[] =>
  Array.from(after, ([name, slots]) =>
    slots.flatMap((server, index) => {
      const old = before.get(name)?.[index]
      const slot = `${name}/${slotName(index)}`
      if (server === undefined) return old === undefined ? [] : [`set server ${slot} state maint`]
      if (old !== undefined && idOf(old) === idOf(server)) return []
      return [`set server ${slot} addr ${server.ip} port ${server.port}`, `set server ${slot} state ready`]
    }),
  ).flat()
