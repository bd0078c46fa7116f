/** Sequences that once were answered in two ways, shrunk. Each is named by the behaviour that it holds. */
import type { Operation } from './operations.ts'

const put = (key: string): Operation => ({ op: 'put', request: { key } })

export const regressions: Readonly<Record<string, readonly Operation[]>> = {
  'a watch that starts before all revisions is ended as compacted': [
    { op: 'watchCreate', stream: 0, request: { key: 'a', rangeEnd: 'b', startRevision: -7 } },
  ],
  'a watch that a compaction ends has no revision in its header': [
    put('a'),
    { op: 'watchCreate', stream: 1, request: { startRevision: 'now-2' } },
  ],
  'a watch that a compaction ended can still be canceled, and its ID is taken until then': [
    { op: 'watchCreate', stream: 0, request: { key: 'a', startRevision: -7, watchId: 7 } },
    { op: 'sync' },
    { op: 'watchCreate', stream: 0, request: { key: 'a', watchId: 7 } },
    { op: 'watchCancel', stream: 0, watchId: 7 },
    { op: 'watchCreate', stream: 0, request: { key: 'a', watchId: 7 } },
  ],
  'a watch may have a negative ID': [
    { op: 'watchCreate', stream: 1, request: { key: 'abc', watchId: -5 } },
    put('abc'),
    { op: 'watchCancel', stream: 1, watchId: -5 },
  ],
  'a watch may have an ID of 64 bits': [
    { op: 'watchCreate', stream: 1, request: { key: 'abc' }, extra: { 7: '-9007199254740995' } },
    put('abc'),
  ],
  'a transaction is refused for its puts before it is for its ranges': [
    {
      op: 'txn',
      request: {
        success: [{ requestRange: { key: 'a', revision: 'now+1' } }, { requestPut: { key: 'b', lease: 99 } }],
      },
    },
  ],
  'a range of a transaction at a negative revision is a compacted one': [
    { op: 'range', request: { key: 'a', revision: -7 } },
    { op: 'txn', request: { success: [{ requestRange: { key: 'a', revision: -7 } }] } },
  ],
  'a compare of an unknown target finds everything equal': [
    put('abc'),
    { op: 'txn', request: { compare: [{ key: 'abc', target: 5, result: 0 }] } },
    { op: 'txn', request: { compare: [{ key: 'abc', target: 5, result: 1 }] } },
  ],
}
