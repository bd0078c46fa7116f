/** What the calls of the linearizability test do to their object, and what they may answer. */
import type { Model } from './checker.ts'

/** A register: one key. Undefined: the key does not exist. */
export type RegisterInput =
  | { readonly op: 'read' }
  | { readonly op: 'write'; readonly value: string }
  | { readonly op: 'delete' }
  | { readonly op: 'compare-and-set'; readonly from: string | undefined; readonly to: string }

export type RegisterOutput =
  | { readonly value: string | undefined /** mod_revision of what was read */; readonly revision: number }
  | { readonly succeeded: boolean; readonly revision: number }

interface Register {
  readonly value: string | undefined
  /** Of the newest call on the key: revisions only grow. */
  readonly revision: number
}

const absent = ''

/**
 * The register with etcd's revisions: a write's revision is larger than all before it, a read finds the revision of
 * the write that it finds the value of.
 */
export const registerModel: Model<Register, RegisterInput, RegisterOutput> = {
  initial: { value: undefined, revision: 0 },
  key: ({ value, revision }) => `${value ?? absent}@${revision}`,
  step: (state, input, output) => {
    if (input.op === 'read') {
      if (output === undefined) return state
      if (!('value' in output) || output.value !== state.value) return undefined
      // A revision of 0 here: a write that was never answered is the newest.
      const known = state.value === undefined || state.revision === 0 || state.revision === output.revision
      return known
        ? { value: state.value, revision: state.value === undefined ? state.revision : output.revision }
        : undefined
    }
    const holds = input.op !== 'compare-and-set' || input.from === state.value
    if (output === undefined) {
      if (!holds) return state
      return { value: after(input), revision: 0 }
    }
    if (!('succeeded' in output) || output.succeeded !== holds) return undefined
    if (!holds) return state
    if (state.revision !== 0 && output.revision < state.revision) return undefined
    return { value: after(input), revision: output.revision }
  },
}

const after = (input: Exclude<RegisterInput, { op: 'read' }>): string | undefined => {
  if (input.op === 'delete') return undefined
  return input.op === 'write' ? input.value : input.to
}

/** Several keys that are moved and read in transactions, as one object: numbers whose sum never changes. */
export type BankInput =
  | { readonly op: 'read' }
  | {
      readonly op: 'transfer'
      /** Balances that the transaction wants to find at `from` and `to`. */
      readonly expected: readonly [number, number]
      readonly from: number
      readonly to: number
      readonly amount: number
      /** A key that the transaction writes as well, by which it is known in the store's log. */
      readonly mark: string
    }

/** `revision`: of the store, as the answer's header says. */
export type BankOutput =
  | { readonly balances: readonly number[]; readonly revision: number }
  | { readonly succeeded: boolean; readonly revision: number }

interface Bank {
  readonly balances: readonly number[]
  /** Of the newest transfer. */
  readonly revision: number
}

/** The bank with etcd's revisions: no answer is of a revision older than a transfer before it. */
export const bankModel = (accounts: number, start: number): Model<Bank, BankInput, BankOutput> => ({
  initial: { balances: Array.from({ length: accounts }, () => start), revision: 0 },
  key: ({ balances, revision }) => `${balances.join(',')}@${revision}`,
  step: (state, input, output) => {
    const { balances, revision } = state
    if (output !== undefined && output.revision < revision) return undefined
    if (input.op === 'read') {
      if (output === undefined) return state
      return 'balances' in output && output.balances.join(',') === balances.join(',') ? state : undefined
    }
    const { from, to, expected, amount } = input
    const holds = balances[from] === expected[0] && balances[to] === expected[1]
    if (output !== undefined && (!('succeeded' in output) || output.succeeded !== holds)) return undefined
    if (!holds) return state
    const moved = balances.with(from, expected[0] - amount).with(to, expected[1] + amount)
    return { balances: moved, revision: output?.revision ?? revision }
  },
})
