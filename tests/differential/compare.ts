/** Runs sequences of operations on a pair of servers and finds the first difference. */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { exceptionFor } from './exceptions.ts'
import type { Operation } from './operations.ts'
import type { Patience, Side } from './side.ts'

export interface Pair {
  readonly patience: Patience
  readonly etcd: Side
  readonly lite: Side
}

export class DifferenceError extends Error {
  constructor(index: number, operations: readonly Operation[], answers: { etcd: unknown; lite: unknown }) {
    const show = (value: unknown): string => JSON.stringify(value)
    super(
      [
        `operation ${index} is answered in two ways: ${show(operations[index])}`,
        `etcd:      ${show(answers.etcd)}`,
        `etcd-lite: ${show(answers.lite)}`,
        `sequence:  ${show(operations)}`,
      ].join('\n'),
    )
    this.name = 'DifferenceError'
  }
}

const pollMs = 5
/**
 * A real etcd looks ten times a second at watches of the past, also at those for which there is nothing: until it has,
 * a compaction ends them.
 */
const settleMs = 250

const startsInPast = ({ request, extra }: Operation & { readonly op: 'watchCreate' }): boolean =>
  request.startRevision !== undefined || extra !== undefined

/** Compares what all watches got, when it has come. */
const compareWatches = async ({
  etcd,
  lite,
  patience,
}: Pair): Promise<{ etcd: unknown; lite: unknown } | undefined> => {
  await Promise.all([etcd.flush(), lite.flush()])
  for (let waited = 0; ; waited += pollMs) {
    const seen = { etcd: etcd.watched(), lite: lite.watched() }
    if (isDeepStrictEqual(seen.etcd, seen.lite)) break
    if (waited >= patience.ms) return seen
    await delay(pollMs)
  }
  const oddities = (side: Side): string[] => side.streams.flatMap((stream) => stream.oddities)
  return oddities(lite).length === 0 ? undefined : { etcd: oddities(etcd), lite: oddities(lite) }
}

/** Operations whose effect on watches depends on how far these are. */
const needsSync: ReadonlySet<Operation['op']> = new Set(['sync', 'compact', 'watchCancel', 'watchProgress'])

/** Throws DifferenceError. */
export const runSequence = async (pair: Pair, operations: readonly Operation[]): Promise<void> => {
  const { etcd, lite } = pair
  await Promise.all([etcd.reset(), lite.reset()])
  let pastWatches = false
  for (const [index, operation] of operations.entries()) {
    if (operation.op === 'compact' && pastWatches) {
      await delay(settleMs)
      pastWatches = false
    }
    pastWatches ||= operation.op === 'watchCreate' && startsInPast(operation)
    const seen = needsSync.has(operation.op) ? await compareWatches(pair) : undefined
    if (seen !== undefined) throw new DifferenceError(index, operations, seen)
    const [fromEtcd, fromLite] = await Promise.all([etcd.run(operation), lite.run(operation)])
    if (isDeepStrictEqual(fromEtcd, fromLite)) continue
    const exception = exceptionFor({ operation, etcd: fromEtcd, lite: fromLite })
    if (exception === 'harmless') continue
    if (exception === 'states differ') return
    throw new DifferenceError(index, operations, { etcd: fromEtcd, lite: fromLite })
  }
  const seen = await compareWatches(pair)
  if (seen !== undefined) throw new DifferenceError(operations.length, operations, seen)
}

/** The same, as a value. */
export const differenceOf = async (
  pair: Pair,
  operations: readonly Operation[],
): Promise<DifferenceError | undefined> => {
  try {
    await runSequence(pair, operations)
    return undefined
  } catch (err) {
    if (err instanceof DifferenceError) return err
    throw err
  }
}
