/** Pods of the namespace default, as tests wait for them. */
import { events as eventsRef, pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { TestCluster } from './cluster.ts'
import { busyboxImage } from './images.ts'
import type { Kubectl } from './kubectl.ts'
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

/** Waits for an event of a Pod with this reason, whose message contains `text`. */
export const podEventIn =
  (running: () => TestCluster) =>
  (pod: string, reason: string, text: string): Promise<true> =>
    waitFor(
      async () => {
        const selector = { namespace: 'default', fieldSelector: `involvedObject.name=${pod},reason=${reason}` }
        const { items } = await running().client.list(eventsRef, selector)
        return items.some(({ message }) => message?.includes(text)) ? true : undefined
      },
      { what: `an event ${reason} of ${pod}: ${text}` },
    )

/** Starts the Pod `box`, in which tests run commands, and waits until it is Ready. It logs `up`. */
export const startBox = async (kubectl: Kubectl): Promise<void> => {
  const script = 'echo up; trap exit TERM; sleep 10000 & wait'
  await kubectl('run', 'box', `--image=${busyboxImage}`, '--command', '--', 'sh', '-c', script)
  await kubectl('wait', '--for=condition=Ready', 'pod/box', '--timeout=60s')
}

export interface Box {
  /** What a command in it prints. */
  readonly run: (...command: readonly string[]) => Promise<string>
  /** The last line of what a web server answers. By busybox's nc: its wget knows no IPv6 here. */
  readonly fetch: (host: string, port?: number) => Promise<string>
}

export const boxIn = (running: () => TestCluster): Box => {
  const run: Box['run'] = (...command) => running().kubectl('exec', 'box', '--', ...command)
  return {
    run,
    fetch: (host, port = 80) =>
      run('sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} ${port} | tail -n 1`),
  }
}
