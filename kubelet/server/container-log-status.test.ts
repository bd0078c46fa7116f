import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { containerIdForLogs } from './container-log-status.ts'

const aPod = (status: object): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  status: { containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, ...status }] },
})

describe('containerIdForLogs', () => {
  const ended = (containerID: string) => ({ terminated: { exitCode: 1, containerID } })
  const found: [string, Pod, boolean, string][] = [
    ['the running one', aPod({ containerID: 'docker://now', state: { running: {} } }), false, 'now'],
    ['the one that ended', aPod({ state: ended('docker://old') }), false, 'old'],
    [
      'the one before, while the next waits',
      aPod({ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended('docker://last') }),
      false,
      'last',
    ],
    [
      'the previous one when asked',
      aPod({ containerID: 'docker://now', state: { running: {} }, lastState: ended('docker://last') }),
      true,
      'last',
    ],
  ]
  for (const [what, pod, previous, id] of found) {
    it(`finds ${what}`, () => assert.equal(containerIdForLogs(pod, 'c', previous), id))
  }

  const waiting = (reason?: string) => aPod({ state: { waiting: { reason } } })
  const refused: [Pod, boolean, string][] = [
    [waiting('ContainerCreating'), false, 'container "c" in pod "p" is waiting to start: ContainerCreating'],
    [waiting('ErrImagePull'), false, 'container "c" in pod "p" is waiting to start: image can\'t be pulled'],
    [
      waiting('ImagePullBackOff'),
      false,
      'container "c" in pod "p" is waiting to start: trying and failing to pull image',
    ],
    [aPod({ state: {} }), false, 'container "c" in pod "p" is waiting to start - no logs yet'],
    [aPod({ state: ended('') }), false, 'container "c" in pod "p" is terminated'],
    [
      aPod({ state: { running: {} }, containerID: 'docker://x' }),
      true,
      'previous terminated container "c" in pod "p" not found',
    ],
    [{ metadata: { name: 'p' } }, false, 'container "c" in pod "p" is not available'],
  ]
  for (const [pod, previous, message] of refused) {
    it(`says: ${message}`, () => {
      assert.throws(() => containerIdForLogs(pod, 'c', previous), { statusCode: 400, message })
    })
  }
})
