/** The open connections of the server, of either protocol, upgraded ones too. */
import type { ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'

export class Connections {
  readonly #sockets = new Set<TLSSocket>()
  readonly #sessions = new Set<ServerHttp2Session>()

  add(socket: TLSSocket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
  }

  /** Tells HTTP/2 clients to take their next request elsewhere; each connection closes when its last stream does. */
  goAway(): void {
    for (const session of this.#sessions) session.close()
  }

  /** Resolves when those that are open now are closed. */
  async closed(): Promise<void> {
    await Promise.all(
      [...this.#sockets].map((socket) => new Promise<void>((resolve) => void socket.once('close', resolve))),
    )
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
