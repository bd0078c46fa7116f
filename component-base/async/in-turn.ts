/** Runs one work after the other, in the order in which they come; one that fails does not keep the next back. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

export const createInTurn = (): InTurn => {
  let turn: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = turn.then(work, work)
    turn = mine.catch(() => undefined)
    return mine
  }
}
