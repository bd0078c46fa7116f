/**
 * Asks the store for its revision on behalf of many readers at once. A reader may only join a question that is sent
 * after it arrived, so at most one is on its way and one is waiting to be sent.
 */
export const createRevisionReader = (currentRevision: () => Promise<number>): (() => Promise<number>) => {
  let inFlight: Promise<number> | undefined
  let next: Promise<number> | undefined

  const send = (): Promise<number> => {
    next = undefined
    const question = currentRevision().finally(() => {
      if (inFlight === question) inFlight = undefined
    })
    inFlight = question
    return question
  }
  return () => {
    if (next !== undefined) return next
    if (inFlight === undefined) return send()
    next = inFlight.then(send, send)
    return next
  }
}
