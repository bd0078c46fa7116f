/** The last words of a container that has stopped. Upstream: getTerminationMessage. */
import { open } from 'node:fs/promises'
import { terminationMessageFileAnnotation, terminationMessagePolicyAnnotation } from '../runtime/labels.ts'
import type { ContainerStatus, RuntimeService } from '../runtime/runtime-service.ts'

const maxMessageBytes = 4096
const maxLogLines = 80
const maxLogBytes = 2048

const readStart = async (path: string): Promise<string> => {
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(maxMessageBytes)
    const { bytesRead } = await file.read(buffer, 0, maxMessageBytes, 0)
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await file.close()
  }
}

const tailOfLog = async (runtime: RuntimeService, id: string): Promise<string> => {
  const log = await runtime.containerLogs(
    id,
    { follow: false, timestamps: false, sinceMs: 0, tailLines: maxLogLines, stdout: true, stderr: true },
    AbortSignal.timeout(5000),
  )
  const chunks: Buffer[] = []
  for await (const { data } of log) chunks.push(data)
  return Buffer.concat(chunks).subarray(-maxLogBytes).toString()
}

/** The message file, else (by policy) the end of the log, else what the runtime said. */
export const terminationMessage = async (runtime: RuntimeService, status: ContainerStatus): Promise<string> => {
  const file = status.annotations[terminationMessageFileAnnotation] ?? ''
  const written = file === '' ? '' : await readStart(file).catch(() => '')
  if (written !== '') return status.message === '' ? written : `${status.message}: ${written}`
  const fallback = status.annotations[terminationMessagePolicyAnnotation] === 'FallbackToLogsOnError'
  if (!fallback || status.exitCode === 0) return status.message
  const log = await tailOfLog(runtime, status.id).catch(() => '')
  return log === '' ? status.message : log
}
