/** exec and attach: a process in a container joined with a client's terminal. */
import { acceptRemoteCommand, remoteCommandOptions } from '../../component-base/streams/remote-command/accept.ts'
import type {
  RemoteCommandOptions,
  RemoteCommandStreams,
  RemoteStatus,
} from '../../component-base/streams/remote-command/protocols.ts'
import type { UpgradeRequest } from '../../component-base/streams/upgrade.ts'
import type { KubeletServerBackend } from './backend.ts'
import { type KubeletRequest } from './http.ts'
import { containerSpec, findContainer } from './pods.ts'

/** How a command's end is told. Upstream: ServeExec. */
export const statusOfExitCode = (command: readonly string[], exitCode: number): RemoteStatus => {
  if (exitCode === 0) return { status: 'Success' }
  const what = `error executing command [${command.join(' ')}], exit code ${exitCode}`
  return {
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${what}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

const failed = (what: string, error: unknown): RemoteStatus => {
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`
  return {
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ reason: '', message }] },
    code: 500,
  }
}

/** Serves one exec; rejects with HttpError or UpgradeRefused as long as an HTTP answer is possible. */
export const serveExec = async (
  { segments, query }: KubeletRequest,
  upgrade: UpgradeRequest,
  backend: KubeletServerBackend,
): Promise<void> => {
  const options = remoteCommandOptions(query)
  const container = await findContainer(backend, segments)
  const command = query.getAll('command')
  await serve(upgrade, options, async (streams) => {
    try {
      const exitCode = await backend.exec(container, command, { ...streams, tty: options.tty }, streams.signal)
      return statusOfExitCode(command, exitCode)
    } catch (error) {
      return failed('error executing command in container', error)
    }
  })
}

/** Serves one attach. Whether there is a TTY was decided when the container started. */
export const serveAttach = async (
  { segments, query }: KubeletRequest,
  upgrade: UpgradeRequest,
  backend: KubeletServerBackend,
): Promise<void> => {
  const options = remoteCommandOptions(query)
  const container = await findContainer(backend, segments)
  const tty = containerSpec(container.pod, container.name)?.tty ?? false
  await serve(upgrade, options, async (streams) => {
    try {
      await backend.attach(container, { ...streams, tty }, streams.signal)
      return { status: 'Success' }
    } catch (error) {
      return failed('error attaching to container', error)
    }
  })
}

const serve = async (
  upgrade: UpgradeRequest,
  options: RemoteCommandOptions,
  run: (streams: RemoteCommandStreams) => Promise<RemoteStatus>,
): Promise<void> => {
  const streams = await acceptRemoteCommand(upgrade, options)
  await streams.finish(await run(streams))
}
