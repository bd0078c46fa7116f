/** TCP connections from inside a sandbox's network namespace, for port-forward. */
import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'

const childFile = fileURLToPath(new URL('./dial-child.ts', import.meta.url))
/** A dialer that nobody used for this long goes away. */
const idleMs = 60_000

interface Dialer {
  readonly child: ChildProcess
  readonly ready: Promise<void>
  readonly waiting: Map<number, { resolve: (socket: Duplex) => void; reject: (error: Error) => void }>
  idle: NodeJS.Timeout | undefined
}

export interface NamespaceDialer {
  dial(sandboxPid: number, port: number): Promise<Duplex>
  close(): void
}

/** One child per namespace, kept while it is used: starting one costs 50 ms. */
export const createNamespaceDialer = (): NamespaceDialer => {
  const dialers = new Map<number, Dialer>()
  let nextId = 1

  const start = (pid: number): Dialer => {
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', process.execPath, childFile], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const waiting: Dialer['waiting'] = new Map()
    const ready = new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => {
        dialers.delete(pid)
        const error = new Error(`the dialer in the network namespace of process ${pid} ended with ${code}`)
        reject(error)
        for (const { reject: refuse } of waiting.values()) refuse(error)
      })
      child.on('message', (message: { ready?: boolean; id?: number; error?: string }, handle: unknown) => {
        if (message.ready === true) return resolve()
        const entry = message.id === undefined ? undefined : waiting.get(message.id)
        if (message.id !== undefined) waiting.delete(message.id)
        if (handle instanceof Socket) entry?.resolve(handle)
        else entry?.reject(new Error(message.error ?? 'the dialer sent no socket'))
      })
    })
    ready.catch(() => undefined)
    const dialer: Dialer = { child, ready, waiting, idle: undefined }
    dialers.set(pid, dialer)
    return dialer
  }

  return {
    dial: async (pid, port) => {
      const dialer = dialers.get(pid) ?? start(pid)
      clearTimeout(dialer.idle)
      dialer.idle = setTimeout(() => dialer.child.disconnect(), idleMs)
      dialer.idle.unref()
      await dialer.ready
      const id = nextId++
      return new Promise<Duplex>((resolve, reject) => {
        dialer.waiting.set(id, { resolve, reject })
        dialer.child.send({ id, port })
      })
    },
    close: () => {
      for (const { child, idle } of dialers.values()) {
        clearTimeout(idle)
        if (child.connected) child.disconnect()
      }
    },
  }
}
