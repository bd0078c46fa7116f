/** Work for the end of this turn of the event loop, when all events that came with it are known. */
let waiting: (() => void)[] = []

const run = (): void => {
  const works = waiting
  waiting = []
  for (const work of works) work()
}

/** One immediate serves all callers of a turn. `work` may not throw. */
export const atEndOfTurn = (work: () => void): void => {
  if (waiting.push(work) === 1) setImmediate(run)
}
