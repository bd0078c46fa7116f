/** Docker's event stream of this node's containers, in the words of the PLEG. */
import type { Readable } from 'node:stream'
import { containerNameLabel, podUidLabel } from '../labels.ts'
import type { RuntimeEvent } from '../runtime-service.ts'
import type { Docker } from './client.ts'
import { type Owner, ownerFilter } from './labels.ts'

const eventTypes: Readonly<Record<string, RuntimeEvent['type']>> = {
  create: 'created',
  start: 'started',
  die: 'stopped',
  destroy: 'deleted',
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** One line of the stream; undefined for what does not concern Pods. */
export const parseEvent = (line: string): RuntimeEvent | undefined => {
  const event: unknown = JSON.parse(line)
  if (!isRecord(event) || !isRecord(event['Actor'])) return undefined
  const { ID: containerId, Attributes: attributes } = event['Actor']
  const type = typeof event['Action'] === 'string' ? eventTypes[event['Action']] : undefined
  if (type === undefined || typeof containerId !== 'string' || !isRecord(attributes)) return undefined
  const podUid = attributes[podUidLabel]
  return typeof podUid === 'string' && typeof attributes[containerNameLabel] === 'string'
    ? { type, podUid, containerId }
    : undefined
}

/** Yields until the signal aborts or the engine closes the stream (it restarts, for instance). */
export async function* dockerEvents(docker: Docker, owner: Owner, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const stream = (await docker.getEvents({
    filters: { type: ['container'], label: ownerFilter(owner), event: Object.keys(eventTypes) },
    abortSignal: signal,
  })) as Readable
  stream.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = line.trim() === '' ? undefined : parseEvent(line)
        if (event !== undefined) yield event
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    stream.destroy()
  }
}
