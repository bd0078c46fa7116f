/** What is in the queues, for people: rows of cells, aligned. Upstream: apf_controller_debug.go, text/tabwriter */
import { preciseNow } from '../../component-base/clock.ts'
import { formatDuration } from '../../component-base/flags/duration.ts'
import type { FlowController } from './flow-controller.ts'
import type { FlowRequest } from './flow-request.ts'
import type { PriorityLevel } from './priority-level.ts'

/** Queues of a level that are shown though they are empty and always were. */
const maxShownQueues = 1024
/** A cell takes at least so much; between cells is one space more. */
const minCellWidth = 8

/** As Go's tabwriter writes it: what follows the last comma of a row is not aligned. */
const table = (rows: readonly (readonly string[])[]): string => {
  const cells = rows.map((row) => row.map((text, i) => (i < row.length - 1 ? `${text},` : text)))
  const widths: number[] = []
  for (const row of cells) {
    for (const [i, text] of row.entries()) {
      if (i < row.length - 1) widths[i] = Math.max(widths[i] ?? minCellWidth, text.length + 1)
    }
  }
  return cells
    .map((row) => `${row.map((text, i) => (i < row.length - 1 ? text.padEnd(widths[i] ?? 0) : text)).join('')}\n`)
    .join('')
}

/** `1.50000000ss` */
const seatSeconds = (value: number): string => `${value.toFixed(8)}ss`

const byName = ({ levels }: FlowController): PriorityLevel[] =>
  [...levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))

export const dumpPriorityLevels = (controller: FlowController): string =>
  table([
    [
      'PriorityLevelName',
      'ActiveQueues',
      'IsIdle',
      'IsQuiescing',
      'WaitingRequests',
      'ExecutingRequests',
      'DispatchedRequests',
      'RejectedRequests',
      'TimedoutRequests',
      'CancelledRequests',
    ],
    ...byName(controller).map(({ name, queues, isQuiescing }) => [
      name,
      String([...queues.queues.values()].filter(({ waiting }) => waiting.length > 0).length),
      String(queues.isIdle),
      String(isQuiescing),
      String(queues.waitingRequests),
      String(queues.executingRequests),
      String(queues.dispatched),
      String(queues.rejected),
      // Upstream counts those that waited too long among the cancelled ones too.
      '0',
      String(queues.cancelled),
    ]),
  ])

const queueIndexes = ({ queues }: PriorityLevel): number[] => {
  const configured = queues.queuing.type === 'queue' ? Math.min(queues.queuing.queues, maxShownQueues) : 0
  const indexes = new Set([...Array.from({ length: configured }, (_, i) => i), ...queues.queues.keys()])
  return [...indexes].toSorted((a, b) => a - b)
}

export const dumpQueues = (controller: FlowController): string =>
  table([
    [
      'PriorityLevelName',
      'Index',
      'PendingRequests',
      'ExecutingRequests',
      'SeatsInUse',
      'NextDispatchR',
      'InitialSeatsSum',
      'MaxSeatsSum',
      'TotalWorkSum',
    ],
    ...byName(controller).flatMap((level) =>
      queueIndexes(level).map((index) => {
        const queue = level.queues.queues.get(index)
        return [
          level.name,
          String(index),
          String(queue?.waiting.length ?? 0),
          String(queue?.executing.length ?? 0),
          String(queue?.seatsInUse ?? 0),
          seatSeconds(queue?.nextDispatchR ?? 0),
          String(queue?.initialSeatsWaiting ?? 0),
          String(queue?.seatsWaiting ?? 0),
          seatSeconds(queue?.workWaiting ?? 0),
        ]
      }),
    ),
  ])

/** What Go writes of a time that never was. */
const noTime = '0001-01-01T00:00:00Z'

const requestCells = (
  level: PriorityLevel,
  queue: number,
  position: number,
  request: FlowRequest,
  details: boolean,
) => {
  const wallOffsetMs = preciseNow() - performance.now()
  const time = (ms: number): string => new Date(wallOffsetMs + ms).toISOString()
  const { flow, info, user } = request
  return [
    level.name,
    flow.schema,
    String(queue),
    String(position),
    flow.distinguisher,
    time(request.arrivalMs),
    String(request.initialSeats),
    String(request.finalSeats),
    formatDuration(request.additionalLatencyMs),
    request.state === 'waiting' ? noTime : time(request.startMs),
    ...(details
      ? [
          user.name,
          info.verb,
          info.path,
          info.namespace,
          info.name,
          info.apiGroup === '' ? info.apiVersion : `${info.apiGroup}/${info.apiVersion}`,
          info.resource,
          info.subresource,
        ]
      : []),
  ]
}

/** `details`: also who asks for what. */
export const dumpRequests = (controller: FlowController, details: boolean): string => {
  const rows = byName(controller).flatMap((level) => [
    ...[...level.queues.queues.values()]
      .toSorted((a, b) => a.index - b.index)
      .flatMap(({ index, waiting, executing }) => [
        ...[...waiting].map((request, position) => requestCells(level, index, position, request, details)),
        ...[...executing].map((request) => requestCells(level, index, -1, request, details)),
      ]),
    ...[...level.queues.queueless].map((request) => requestCells(level, -1, -1, request, details)),
  ])
  return table([
    [
      'PriorityLevelName',
      'FlowSchemaName',
      'QueueIndex',
      'RequestIndexInQueue',
      'FlowDistingsher',
      'ArriveTime',
      'InitialSeats',
      'FinalSeats',
      'AdditionalLatency',
      'StartTime',
      ...(details ? ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource'] : []),
    ],
    ...rows,
  ])
}

/** By path. */
export const flowControlDumps = (controller: FlowController): Record<string, (query: URLSearchParams) => string> => ({
  '/debug/api_priority_and_fairness/dump_priority_levels': () => dumpPriorityLevels(controller),
  '/debug/api_priority_and_fairness/dump_queues': () => dumpQueues(controller),
  '/debug/api_priority_and_fairness/dump_requests': (query) =>
    dumpRequests(controller, (query.get('includeRequestDetails') ?? '') !== ''),
})
