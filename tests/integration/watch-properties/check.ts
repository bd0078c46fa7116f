/** Compares what a watcher was told with what happened. Each finding is a sentence. */
import type { LogEntry, Told, Watcher } from './watcher.ts'
import { contentOf, type History, type SeenEvent, type Version } from './truth.ts'

const showTold = ({ type, key, revision }: { type: string; key: string; revision: number }): string =>
  `${type} ${key}@${revision}`

const differs = (told: Told, event: SeenEvent): boolean =>
  told.type !== event.type ||
  told.key !== event.key ||
  told.revision !== event.revision ||
  (told.content !== undefined && told.content !== contentOf(event.object))

const asInitial = ({ key, revision, object }: Version): SeenEvent => ({ type: 'ADDED', key, revision, object })

/** Where a watch stands: after a revision, or somewhere in the state that it begins with. */
type Standing =
  | { readonly type: 'at'; readonly revision: number }
  | { readonly type: 'in state'; readonly told: Told[]; readonly notBefore: number; readonly endsByBookmark: boolean }
  | { readonly type: 'nowhere' }

class Checker {
  readonly findings: string[] = []
  readonly #watcher: Watcher
  readonly #history: History
  readonly #seen: readonly SeenEvent[]
  #standing: Standing = { type: 'nowhere' }
  #next = 0

  constructor(watcher: Watcher, history: History) {
    this.#watcher = watcher
    this.#history = history
    this.#seen = history.seenBy(watcher.options.view)
  }

  check(): readonly string[] {
    for (const [index, entry] of this.#watcher.log.entries()) {
      this.#take(entry, index)
      if (this.findings.length > 3) break
    }
    this.#leaveState()
    return this.findings
  }

  #find(index: number, what: string): void {
    this.findings.push(`${this.#watcher.options.name}, entry ${index}: ${what}`)
  }

  #goTo(revision: number): void {
    this.#standing = { type: 'at', revision }
    this.#next = this.#seen.findIndex((event) => event.revision > revision)
    if (this.#next < 0) this.#next = this.#seen.length
  }

  #take(entry: LogEntry, index: number): void {
    switch (entry.what) {
      case 'list':
        this.#compareState(index, entry.revision, entry.items, entry.notBefore)
        return this.#goTo(entry.revision)
      case 'state':
        this.#leaveState()
        this.#standing = {
          type: 'in state',
          told: [],
          notBefore: entry.beginning === 'zero' ? 0 : entry.notBefore,
          endsByBookmark: entry.beginning === 'watch-list',
        }
        return
      case 'event':
        if (this.#standing.type === 'in state') this.#standing.told.push(entry.event)
        else this.#takeEvent(index, entry.event)
        return
      case 'bookmark':
        return this.#takeBookmark(index, entry.revision, entry.endsState)
      case 'expired':
        this.#standing = { type: 'nowhere' }
        return
      case 'resume':
      case 'ended':
    }
  }

  #takeEvent(index: number, told: Told): void {
    if (this.#standing.type === 'nowhere') return this.#find(index, `${showTold(told)} comes out of nowhere`)
    const expected = this.#seen[this.#next]
    if (expected === undefined) return this.#find(index, `${showTold(told)} never happened`)
    if (differs(told, expected)) {
      this.#find(index, `${showTold(told)} instead of ${showTold(expected)}, or with other content`)
      return this.#goTo(told.revision)
    }
    this.#next++
    this.#standing = { type: 'at', revision: told.revision }
  }

  #takeBookmark(index: number, revision: number, endsState: boolean): void {
    const standing = this.#standing
    if (standing.type === 'in state') {
      // Of a state that no bookmark ends nobody knows where it ended: it is checked as a whole.
      if (!standing.endsByBookmark) return
      if (!endsState) return this.#find(index, 'a bookmark before the one that ends the state')
      this.#compareState(index, revision, standing.told, standing.notBefore)
      return this.#goTo(revision)
    }
    if (standing.type !== 'at') return this.#find(index, `a bookmark of ${revision} out of nowhere`)
    if (revision < standing.revision) this.#find(index, `a bookmark goes back from ${standing.revision} to ${revision}`)
    const missed = this.#seen[this.#next]
    if (missed !== undefined && missed.revision <= revision) {
      this.#find(index, `a bookmark of ${revision} comes before ${showTold(missed)}`)
    }
    this.#goTo(Math.max(revision, standing.revision))
  }

  #compareState(index: number, revision: number, told: readonly Told[], notBefore: number): void {
    if (revision < notBefore) this.#find(index, `a state of ${revision}, when ${notBefore} had been acknowledged`)
    const wrong = this.#firstDifference(
      told,
      this.#history.stateAt(revision, this.#watcher.options.view).map(asInitial),
    )
    if (wrong !== undefined) this.#find(index, `the state of ${revision}: ${wrong}`)
  }

  #firstDifference(told: readonly Told[], expected: readonly SeenEvent[]): string | undefined {
    for (const [index, event] of expected.entries()) {
      const item = told[index]
      if (item === undefined) return `${showTold(event)} is missing`
      if (differs(item, event)) return `${showTold(item)} instead of ${showTold(event)}`
    }
    const more = told[expected.length]
    return more === undefined ? undefined : `${showTold(more)} was not there`
  }

  /** Looks for a revision whose state, followed by what happened then, is what was told. */
  #leaveState(): void {
    const standing = this.#standing
    if (standing.type !== 'in state' || standing.endsByBookmark) return
    const { told, notBefore } = standing
    if (told.length === 0) return
    const { view } = this.#watcher.options
    const fits = (revision: number): boolean => {
      const state = this.#history.stateAt(revision, view).map(asInitial)
      const later = this.#seen.filter((event) => event.revision > revision)
      const expected = [...state, ...later].slice(0, told.length)
      return this.#firstDifference(told, expected) === undefined
    }
    const candidates = [notBefore, ...this.#history.revisions.filter((revision) => revision >= notBefore)]
    if (!candidates.some(fits)) {
      const [first, last] = [told[0], told.at(-1)]
      this.findings.push(
        `${this.#watcher.options.name}: no revision from ${notBefore} on has the state that was told (${told.length} events, ${first && showTold(first)} to ${last && showTold(last)})`,
      )
    }
  }
}

/** What is wrong with what a watcher was told; nothing, if all is well. */
export const findingsOf = (watcher: Watcher, history: History): readonly string[] =>
  new Checker(watcher, history).check()
