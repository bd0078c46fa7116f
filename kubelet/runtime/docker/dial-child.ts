/**
 * Runs inside a Pod's network namespace: connects to the asked ports on the loopback address and hands the open
 * sockets to the kubelet, which may use them from any namespace.
 */
import { connect } from 'node:net'

process.on('message', (message: { id: number; port: number }) => {
  const { id, port } = message
  const dial = (host: string, onFailure: (error: Error) => void): void => {
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.once('error', onFailure)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      process.send?.({ id }, socket, { keepOpen: false })
    })
  }
  dial('127.0.0.1', (first) => dial('::1', () => process.send?.({ id, error: first.message })))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
