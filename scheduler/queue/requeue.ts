/** Whether an event wakes a Pod. Upstream: isPodWorthRequeuing. */
import type { Pod } from '../../api/types.ts'
import {
  anyEvent,
  type ChangedObject,
  type ClusterEvent,
  type EventRegistration,
  type QueueingHint,
  registrationMatches,
  wakesAll,
} from '../framework/events.ts'
import { extenderName } from '../framework/diagnosis.ts'
import type { Plugin } from '../framework/plugin.ts'

/** `immediately` spares the Pod the rest of its back-off. */
export type Requeue = 'skip' | 'afterBackoff' | 'immediately'

/** Who rejected the Pod in its last attempt. */
export interface Rejectors {
  readonly unschedulablePlugins: ReadonlySet<string>
  /** A part of them: those that wait for something outside. */
  readonly pendingPlugins: ReadonlySet<string>
}

interface Listener {
  readonly plugin: string
  readonly hint: QueueingHint | undefined
}

/** Nobody can say what would change an extender's mind. */
const extenders: Plugin = { name: extenderName, eventsToRegister: [anyEvent] }

/** The plugins of a profile that want to hear of an event. */
export type Listeners = (event: ClusterEvent) => readonly Listener[]

/** What a plugin asks for: one that can reject and names no events cannot tell what helps. */
export const registrationsOf = (plugin: Plugin): readonly EventRegistration[] => {
  const { preEnqueue, preFilter, filter, reserve, permit, eventsToRegister } = plugin
  const rejects = [preEnqueue, preFilter, filter, reserve, permit].some((point) => point !== undefined)
  return eventsToRegister ?? (rejects ? [anyEvent] : [])
}

/** Remembers who listens to what: registrations do not change. */
export const listenersOf = (plugins: readonly Plugin[]): Listeners => {
  const known = new Map<string, readonly Listener[]>()
  const registrations = [...plugins, extenders].flatMap((plugin) =>
    registrationsOf(plugin).map((registration): [string, EventRegistration] => [plugin.name, registration]),
  )
  return (event) => {
    const key = `${event.resource}/${event.action}`
    const listeners =
      known.get(key) ??
      registrations
        .filter(([, registration]) => registrationMatches(registration, event))
        .map(([plugin, { hint }]) => ({ plugin, hint }))
    known.set(key, listeners)
    return listeners
  }
}

/** A hint that throws must not keep the Pod waiting. */
const says = (hint: QueueingHint | undefined, pod: Pod, change: ChangedObject): 'Queue' | 'Skip' => {
  try {
    return hint === undefined ? 'Queue' : hint(pod, change)
  } catch {
    return 'Queue'
  }
}

/** What an event means to a Pod that waits. */
export const worthRequeuing = (
  pod: Pod,
  { unschedulablePlugins, pendingPlugins }: Rejectors,
  happened: { readonly event: ClusterEvent; readonly change: ChangedObject; readonly listeners: Listeners },
): Requeue => {
  const { event, change, listeners } = happened
  // Nobody rejected it, an error did: any event is as good as another.
  if (unschedulablePlugins.size === 0 || wakesAll(event)) return 'afterBackoff'
  let answer: Requeue = 'skip'
  for (const { plugin, hint } of listeners(event)) {
    if (!unschedulablePlugins.has(plugin)) continue
    if (answer === 'afterBackoff' && !pendingPlugins.has(plugin)) continue
    if (says(hint, pod, change) === 'Skip') continue
    if (pendingPlugins.has(plugin)) return 'immediately'
    answer = 'afterBackoff'
  }
  return answer
}
