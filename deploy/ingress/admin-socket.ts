/** Asks a running HAProxy by its socket: the runtime API. */
import { connect } from 'node:net'

const timeoutMs = 5_000

/** The answer to one command line; several commands are divided by `;`. Rejects if nobody is there. */
export const askHaproxy = (socketPath: string, command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath, timeout: timeoutMs })
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('timeout', () => socket.destroy(new Error('haproxy does not answer')))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.end(`${command}\n`)
  })

/** Process ID of the worker that answers; undefined while none does. */
export const workerPid = async (socketPath: string): Promise<number | undefined> => {
  const info = await askHaproxy(socketPath, 'show info').catch(() => '')
  const pid = /^Pid: (\d+)$/m.exec(info)?.[1]
  return pid === undefined ? undefined : Number(pid)
}
