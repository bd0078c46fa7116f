/**
 * Is a history of concurrent calls linearizable: could every call have taken effect at one moment between its start
 * and its end, so that all answers are those of one object used by one caller at a time?
 *
 * Flow: the events (start and end of calls) form a list in the order of time. The search takes a call that has started
 * and whose answer the model allows in the present state, removes it from the list and goes on from the front; at the
 * end of a call that was not taken it goes back. States that were met with the same set of calls are not tried again.
 * Guarantees: exact, for models whose `key` tells states apart. Caveat: the time grows with how many calls overlap.
 * Upstream idea: Wing and Gong 1993, with Lowe's memory; the list is as in the porcupine checker.
 */

export interface Call<Input, Output> {
  readonly input: Input
  /** Undefined: the caller was never answered. The call may have happened at any time after its start, or not at all. */
  readonly output: Output | undefined
  /** On one clock. */
  readonly startMs: number
  /** Infinity when it was never answered. */
  readonly endMs: number
}

export interface Model<State, Input, Output> {
  readonly initial: State
  /** The state after the call; undefined when it cannot be answered so in this state. */
  readonly step: (state: State, input: Input, output: Output | undefined) => State | undefined
  /** Equal for equal states only. */
  readonly key: (state: State) => string
}

interface Node {
  readonly call: number
  readonly type: 'start' | 'end'
  previous: Node | undefined
  next: Node | undefined
  /** The end of a start; none for a call that was never answered. */
  end: Node | undefined
}

/** Links the events; returns a head before the first. Calls that were never answered have no end in the list. */
const linkEvents = (calls: readonly Call<unknown, unknown>[]): Node => {
  const node = (call: number, type: Node['type']): Node => ({
    call,
    type,
    previous: undefined,
    next: undefined,
    end: undefined,
  })
  const events = calls.flatMap(({ startMs, endMs }, call) => {
    const start = node(call, 'start')
    if (endMs === Number.POSITIVE_INFINITY) return [{ time: startMs, node: start }]
    start.end = node(call, 'end')
    return [
      { time: startMs, node: start },
      { time: endMs, node: start.end },
    ]
  })
  // At one moment starts come first: such calls overlap.
  const sorted = events.toSorted(
    (a, b) => a.time - b.time || Number(a.node.type === 'end') - Number(b.node.type === 'end'),
  )
  const head = node(-1, 'start')
  let last = head
  for (const { node: next } of sorted) {
    last.next = next
    next.previous = last
    last = next
  }
  return head
}

const unlink = (node: Node): void => {
  if (node.previous !== undefined) node.previous.next = node.next
  if (node.next !== undefined) node.next.previous = node.previous
}

const relink = (node: Node): void => {
  if (node.previous !== undefined) node.previous.next = node
  if (node.next !== undefined) node.next.previous = node
}

/** The set of calls taken so far, and its text. */
class Taken {
  readonly #words: Uint32Array

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32))
  }

  flip(call: number): void {
    const word = call >>> 5
    this.#words[word] = (this.#words[word] ?? 0) ^ (1 << (call & 31))
  }

  key(): string {
    return Buffer.from(this.#words.buffer).toString('latin1')
  }
}

interface Step<State> {
  readonly node: Node
  readonly before: State
}

/** Whether calls on one object that starts as `model.initial` are linearizable. */
export const isLinearizable = <State, Input, Output>(
  model: Model<State, Input, Output>,
  calls: readonly Call<Input, Output>[],
): boolean => {
  const head = linkEvents(calls)
  const taken = new Taken(calls.length)
  const met = new Set<string>()
  const path: Step<State>[] = []
  let unanswered = calls.filter(({ endMs }) => endMs !== Number.POSITIVE_INFINITY).length
  let state = model.initial
  let node = head.next
  while (unanswered > 0) {
    if (node?.type === 'start') {
      const call = calls[node.call]
      if (call === undefined) throw new Error('an event belongs to no call')
      const after = model.step(state, call.input, call.output)
      // A call that nobody heard of, and that changes nothing here, need not have happened here.
      const counts = call.output !== undefined || after === undefined || model.key(after) !== model.key(state)
      if (after !== undefined && counts) {
        taken.flip(node.call)
        const key = `${taken.key()}|${model.key(after)}`
        if (!met.has(key)) {
          met.add(key)
          path.push({ node, before: state })
          state = after
          if (node.end !== undefined) {
            unlink(node.end)
            unanswered--
          }
          unlink(node)
          node = head.next
          continue
        }
        taken.flip(node.call)
      }
      node = node.next
      continue
    }
    // A call has ended that could not be taken before: another order.
    const last = path.pop()
    if (last === undefined) return false
    state = last.before
    taken.flip(last.node.call)
    relink(last.node)
    if (last.node.end !== undefined) {
      relink(last.node.end)
      unanswered++
    }
    node = last.node.next
  }
  return true
}
