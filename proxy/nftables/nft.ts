import { spawn } from 'node:child_process'

/** nft refused a script, or could not be run; the message is its own. */
export class NftError extends Error {
  override readonly name = 'NftError'
}

/** Runs commands as one atomic transaction: all of them take effect, or none. */
export const applyNft = (commands: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (stderr.length < 4096) stderr += chunk
    })
    child.on('error', (error) => reject(new NftError(`nft: ${error.message}`)))
    child.on('close', (code) => (code === 0 ? resolve() : reject(new NftError(`nft: ${stderr.trim()}`))))
    child.stdin.on('error', () => undefined) // nft went away early: its exit code says so
    child.stdin.end(`${commands.join('\n')}\n`)
  })
