/**
 * Loaded before a server of a test environment (`--import`): when the test process is gone, however it ended, the
 * server ends too and the environment's directory with it. The channel that `stdio: 'ipc'` opens tells.
 */
import { rmSync } from 'node:fs'

const directory = process.env['KUBETS_TESTING_DIRECTORY'] ?? ''

process.once('disconnect', () => {
  try {
    // Retries: the others write and remove there too.
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  } finally {
    // Nobody will read what an orderly end would still write.
    process.kill(process.pid, 'SIGKILL')
  }
})
