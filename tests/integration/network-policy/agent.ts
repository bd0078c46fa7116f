/**
 * Somebody in a network namespace, as a process: it echoes at the ports that it is given and tries connections that it
 * is told of, a JSON line each on its standard input and output. It ends with its standard input.
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

export interface Probe {
  readonly id: number
  /** '' is any. */
  readonly from: string
  readonly to: string
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly timeoutMs: number
}

const resendMs = 200

const tryTcp = ({ from, to, port, timeoutMs }: Probe): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: to, port, timeout: timeoutMs, ...(from === '' ? {} : { localAddress: from }) })
    const end = (isThrough: boolean): void => {
      socket.destroy()
      resolve(isThrough)
    }
    socket.on('connect', () => end(true))
    socket.on('timeout', () => end(false))
    socket.on('error', () => end(false))
  })

const tryUdp = ({ from, to, port, timeoutMs }: Probe): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4')
    const send = (): void => socket.send('?', port, to)
    let resend: NodeJS.Timeout | undefined
    const end = (isThrough: boolean): void => {
      clearInterval(resend)
      clearTimeout(timer)
      socket.close()
      resolve(isThrough)
    }
    const timer = setTimeout(() => end(false), timeoutMs)
    socket.on('message', () => end(true))
    socket.on('error', () => end(false))
    socket.bind({ address: from }, () => {
      send()
      resend = setInterval(send, resendMs)
    })
  })

/** `agent.ts 8001,8002 10.0.0.1,fd00::1`: answers come from the address that was asked. */
const [ports = [], addresses = []] = process.argv.slice(2).map((list) => list.split(',').filter((item) => item !== ''))
for (const port of ports.map(Number)) {
  createServer((socket) => socket.on('error', () => {}).end()).listen(port, '::')
  for (const own of addresses) {
    const socket = createSocket(own.includes(':') ? 'udp6' : 'udp4')
    socket.on('message', (message, { port: back, address }) => socket.send(message, back, address))
    await new Promise<void>((resolve) => socket.bind(port, own, resolve))
  }
}
process.stdout.write('ready\n')
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const probe = JSON.parse(line) as Probe
  const attempt = probe.protocol === 'TCP' ? tryTcp(probe) : tryUdp(probe)
  void attempt.then((ok) => process.stdout.write(`${JSON.stringify({ id: probe.id, ok })}\n`))
})
lines.on('close', () => process.exit())
