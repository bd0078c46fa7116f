/** Pods of the namespace default, as tests wait for them. */
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { TestCluster } from './cluster.ts'
import { waitFor } from './wait.ts'

export type PodWhen = (name: string, what: string, is: (pod: Pod) => boolean) => Promise<Pod>

/** Waits until a Pod is as it is wanted; `what` completes "timed out waiting for NAME: …". */
export const podWhenIn =
  (running: () => TestCluster): PodWhen =>
  (name, what, is) =>
    waitFor(
      async () => {
        const pod = await running().client.get(podsRef, name, 'default')
        return is(pod) ? pod : undefined
      },
      { what: `${name}: ${what}` },
    )
