/** Another host on the network of a cluster's nodes, and what it sends to the loopback address of one of them. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const command = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(file, args)).stdout

export const inNamespace = (namespace: string, ...args: readonly string[]): Promise<string> =>
  command('ip', 'netns', 'exec', namespace, ...args)

export interface Stranger extends AsyncDisposable {
  readonly namespace: string
}

/**
 * A namespace with an address on the bridge. Its own loopback device is down, so that 127.0.0.0/8 is a network like any
 * other to it: one that is behind the node at `gateway`.
 */
export const aStranger = async (bridge: string, address: string, gateway: string): Promise<Stranger> => {
  const namespace = `${bridge}-stranger`
  const cable = `${bridge}-str`
  await command('ip', 'netns', 'add', namespace)
  const dispose = async (): Promise<void> => void (await command('ip', 'netns', 'delete', namespace))
  try {
    await command('ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
    await command('ip', 'link', 'set', cable, 'master', bridge, 'up')
    await command('ip', '-n', namespace, 'link', 'set', 'eth0', 'up')
    await command('ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0')
    await command('ip', '-n', namespace, 'route', 'add', '127.0.0.0/8', 'via', gateway, 'dev', 'eth0', 'onlink')
  } catch (error) {
    await dispose()
    throw error
  }
  return { namespace, [Symbol.asyncDispose]: dispose }
}

const listener = `
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (text) => process.stdout.write(text + '\\n'))
  socket.bind(0, '127.0.0.1', () => process.stdout.write(socket.address().port + '\\n'))
  process.stdin.on('end', () => process.exit(0)).resume()
`
const sender = (port: string, text: string): string => `
  const socket = require('node:dgram').createSocket('udp4')
  socket.send('${text}', ${port}, '127.0.0.1', () => socket.close())
`

/**
 * Whether a datagram that the stranger sends to 127.0.0.1 arrives at what listens there on the node. The node's own
 * comes after it, on the same way: when that has been heard the other would have been, too.
 */
export const loopbackHears = async (node: string, stranger: string): Promise<boolean> => {
  const child = spawn('ip', ['netns', 'exec', node, process.execPath, '-e', listener], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let heard = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (heard += chunk))
  try {
    while (!heard.includes('\n')) await once(child.stdout, 'data')
    const port = heard.split('\n')[0] ?? ''
    // Several: the first one may have to wait for the node's hardware address.
    for (let i = 0; i < 3; i++) await inNamespace(stranger, process.execPath, '-e', sender(port, 'stranger'))
    await inNamespace(node, process.execPath, '-e', sender(port, 'own'))
    while (!heard.includes('own\n')) await once(child.stdout, 'data')
    return heard.includes('stranger')
  } finally {
    child.stdin.end()
  }
}
