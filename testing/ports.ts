/** Ports for servers that tests start. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below Linux' ephemeral range (from 32768 on). */
const lowest = 20_000
const highest = 32_000

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * A free port that stays free while its server is down: no connection gets one of this range for its own end, so a
 * client that connects again and again cannot reach itself either.
 */
export const restartablePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(lowest, highest)
    if (await isFree(port)) return port
  }
}
