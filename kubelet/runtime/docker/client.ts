/** The connection to the Docker engine. */
import { createRequire } from 'node:module'
import type Dockerode from 'dockerode'
import { unimplemented } from '../../../api/meta/status-error.ts'

export type Docker = Dockerode

const require = createRequire(import.meta.url)

/** BuildKit sessions (gRPC) and the SSH transport are never used here and would cost 30 MB in each kubelet. */
const leaveOut = (file: string): void => {
  const filename = require.resolve(file)
  const refuse = (): never => {
    throw unimplemented(file)
  }
  require.cache[filename] = Object.assign(new (require('node:module') as typeof import('node:module'))(filename), {
    filename,
    loaded: true,
    exports: refuse,
  })
}

/** Connects to `unix:///path`, or the path alone. */
export const connectDocker = (endpoint: string): Docker => {
  const socketPath = endpoint.replace(/^unix:\/\//, '')
  if (!socketPath.startsWith('/')) throw unimplemented(`container runtime endpoint ${endpoint}`)
  leaveOut('dockerode/lib/session.js')
  leaveOut('docker-modem/lib/ssh.js')
  const Constructor = require('dockerode') as typeof Dockerode
  return new Constructor({ socketPath })
}

/** HTTP status of an engine error, undefined for anything else. */
export const statusCode = (error: unknown): number | undefined =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined

/** The engine's own sentence, without dockerode's prefix. */
export const engineMessage = (error: unknown): string => {
  if (error instanceof Error && 'json' in error) {
    const body: unknown = error.json
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body.message
    }
  }
  // Streamed answers have the sentence only behind dockerode's own words.
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^\(HTTP code \d+\) [a-z ]+ - /, '').trim()
}

/** Waits for `promise` and gives undefined where the engine answers 404. */
export const orUndefined = async <T>(promise: Promise<T>): Promise<T | undefined> => {
  try {
    return await promise
  } catch (error) {
    if (statusCode(error) === 404) return undefined
    throw error
  }
}

/** Like orUndefined for actions that are already done: 404 (gone) and 304 (nothing to do) count as success. */
export const unlessGone = async (promise: Promise<unknown>): Promise<void> => {
  try {
    await promise
  } catch (error) {
    const code = statusCode(error)
    if (code !== 404 && code !== 304) throw error
  }
}
