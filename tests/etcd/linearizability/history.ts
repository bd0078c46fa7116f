/** Records what clients ask and are answered, on one clock, while the server comes and goes. */
import { GrpcError, grpcCode } from '../../../component-base/grpc/status.ts'
import type { Call } from './checker.ts'

export class History<Input, Output> {
  readonly #calls: Call<Input, Output>[] = []
  #answered = 0

  get calls(): readonly Call<Input, Output>[] {
    return this.#calls
  }

  get answered(): number {
    return this.#answered
  }

  /**
   * The calls, with those that were not answered settled by what the store's own log says of them in the end: an
   * answer, for those that happened; `absent`, for those that did not; `unknown`, when it cannot be told.
   */
  settled(outcomeOf: (input: Input) => Output | 'absent' | 'unknown'): Call<Input, Output>[] {
    const endMs = performance.now()
    return this.#calls.flatMap((call) => {
      if (call.output !== undefined) return [call]
      const outcome = outcomeOf(call.input)
      if (outcome === 'absent') return []
      return outcome === 'unknown' ? [call] : [{ ...call, output: outcome, endMs }]
    })
  }

  /** Makes a call. One that fails may have happened: it is recorded without an end. Reads that fail are left out. */
  async record(input: Input, type: 'read' | 'write', ask: () => Promise<Output>): Promise<Output | undefined> {
    const startMs = performance.now()
    try {
      const output = await ask()
      this.#calls.push({ input, output, startMs, endMs: performance.now() })
      this.#answered++
      return output
    } catch (err) {
      if (!isLoss(err)) throw err
      if (type === 'write') this.#calls.push({ input, output: undefined, startMs, endMs: Number.POSITIVE_INFINITY })
      return undefined
    }
  }
}

/** Errors that tell nothing about whether the call happened. Any other is a fault of the server. */
export const isLoss = (err: unknown): boolean =>
  err instanceof GrpcError &&
  (err.code === grpcCode.unavailable || err.code === grpcCode.deadlineExceeded || err.code === grpcCode.cancelled)

export const bytes = (text: string): Buffer => Buffer.from(text)
