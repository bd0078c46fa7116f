/** The death of a process of a cluster, which the supervisor is to follow by another. */
import { running as processOf } from '../../deploy/process-table.ts'
import type { TestCluster } from './cluster.ts'
import { waitFor } from './wait.ts'

/** Waits until `name` runs with another pid than `before`. */
export const whenFollowed = async (
  { layout }: Pick<TestCluster, 'layout'>,
  name: string,
  before: number | undefined,
): Promise<number> =>
  waitFor(
    () => {
      const now = processOf(layout.run, name)?.pid
      return now === before ? undefined : now
    },
    { what: `another ${name}` },
  )

/** Kills a process with SIGKILL, by the name of its pid file, and waits for the next one; tells its pid. */
export const killProcess = async (cluster: Pick<TestCluster, 'layout'>, name: string): Promise<number> => {
  const { pid } = await waitFor(() => processOf(cluster.layout.run, name), { what: `a ${name} to kill` })
  process.kill(pid, 'SIGKILL')
  return whenFollowed(cluster, name, pid)
}

/** The same of a node's kubelet. */
export const killKubelet = (cluster: Pick<TestCluster, 'layout'>, node: string): Promise<number> =>
  killProcess(cluster, `${node}-kubelet`)
