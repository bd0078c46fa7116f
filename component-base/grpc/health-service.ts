/** The health service of a server whose only status is the one of the whole (''), as etcd registers it. */
import { whenAborted } from '../async/aborted.ts'
import { health, servingStatus } from './health-messages.ts'
import { type Implementation, implementStream, implementUnary } from './server.ts'
import { GrpcError, grpcCode } from './status.ts'

export interface ServingState {
  readonly serving: boolean
  /** Calls `listener` at every change. Returns how to stop. */
  subscribe(listener: () => void): () => void
}

/** A server that serves as long as it lives. */
export const alwaysServing: ServingState = { serving: true, subscribe: () => () => {} }

export const healthService = (state: ServingState): Implementation[] => {
  const statusNow = () => ({ status: state.serving ? servingStatus.serving : servingStatus.notServing })
  return [
    implementUnary(health.check, ({ service }) => {
      if (service !== '') throw new GrpcError(grpcCode.notFound, 'unknown service')
      return statusNow()
    }),
    implementStream(health.watch, async (call) => {
      for await (const { service } of call.requests) {
        const send = (): void => call.write(service === '' ? statusNow() : { status: servingStatus.serviceUnknown })
        send()
        const stop = state.subscribe(send)
        await whenAborted(call.signal)
        stop()
        return
      }
    }),
  ]
}
