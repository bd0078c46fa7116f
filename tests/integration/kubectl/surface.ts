/** What the tests of kubectl share. */
import { basename } from 'node:path'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'

export interface Surface {
  readonly running: () => TestCluster
  /** Path of the kubectl under test. */
  readonly binary: string
  /** For names that must differ between the kubectls. */
  readonly suffix: string
  /** The newest does it all; of what only repeats itself the older ones do a part. */
  readonly isNewest: boolean
}

export const surfaceOf = (running: () => TestCluster, binary: string, isNewest: boolean): Surface => ({
  running,
  binary,
  suffix: basename(binary).replaceAll(/[^a-z0-9]/g, '-'),
  isNewest,
})

/** kubectl in a namespace of its own, which it makes. */
export const inNewNamespace = async ({ running, binary }: Surface, namespace: string): Promise<Kubectl> => {
  const admin = running().kubectlOf(binary)
  await admin('create', 'namespace', namespace)
  // A cluster that is just up takes its time to equip a namespace.
  const account = ['-n', namespace, 'get', 'serviceaccount', 'default', '-o', 'name'] as const
  await waitFor(async () => (await admin.run(account)).code === 0, { what: 'the ServiceAccount of the namespace' })
  const within = (args: readonly string[]): readonly string[] => ['-n', namespace, ...args]
  const kubectl = (...args: readonly string[]): Promise<string> => admin(...within(args))
  return Object.assign(kubectl, {
    run: (args: readonly string[], options?: Parameters<Kubectl['run']>[1]) => admin.run(within(args), options),
    json: <T>(...args: readonly string[]) => admin.json<T>(...within(args)),
    withInput: (input: string, ...args: readonly string[]) => admin.withInput(input, ...within(args)),
    binary,
    kubeconfig: admin.kubeconfig,
  })
}

/** Runs `work` over all items, a few at a time: kubectl takes longer to start than the server to answer. */
export const inParallel = async <T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  limit = 4,
): Promise<void> => {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
}
