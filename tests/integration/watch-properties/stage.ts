/** The kinds, views and watchers that all tests of watches use, on one cluster. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../../../api/types.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { pkiCredentials } from '../../harness/http.ts'
import { seededRandom } from '../../harness/seeded-random.ts'
import { waitFor } from '../../harness/wait.ts'
import { findingsOf } from './check.ts'
import type { Form, Identity } from './streams.ts'
import { followStore, type Truth, type View } from './truth.ts'
import { type Beginning, startWatcher, type Watcher } from './watcher.ts'
import { createWriters, type Kind, type Writers } from './writers.ts'

export const namespaces = ['first', 'second'] as const

const inNamespaces = (group: string, plural: string): [string, ...string[]] => [
  `${group}/namespaces/first/${plural}`,
  `${group}/namespaces/second/${plural}`,
]

export const kinds: readonly [Kind, ...Kind[]] = [
  {
    resource: 'configmaps',
    kind: 'ConfigMap',
    apiVersion: 'v1',
    collections: inNamespaces('/api/v1', 'configmaps'),
    path: '/api/v1/configmaps',
    storePrefix: '/registry/configmaps/',
    content: (random) => ({ data: { value: 'x'.repeat(random.below(2000)), n: String(random.below(1e6)) } }),
  },
  {
    resource: 'leases',
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    collections: inNamespaces('/apis/coordination.k8s.io/v1', 'leases'),
    path: '/apis/coordination.k8s.io/v1/leases',
    storePrefix: '/registry/leases/',
    content: (random) => ({ spec: { holderIdentity: `h${random.below(1e6)}`, leaseDurationSeconds: 15 } }),
  },
  {
    resource: 'priorityclasses',
    kind: 'PriorityClass',
    apiVersion: 'scheduling.k8s.io/v1',
    collections: ['/apis/scheduling.k8s.io/v1/priorityclasses'],
    path: '/apis/scheduling.k8s.io/v1/priorityclasses',
    storePrefix: '/registry/priorityclasses/',
    content: () => ({ value: 7, description: 'of a test' }),
  },
]

const isBlue = ({ metadata }: KubeObject): boolean => metadata?.labels?.['color'] === 'blue'

interface Way {
  readonly beginning: Beginning
  readonly form: Form
  readonly blueOnly?: boolean
  readonly inFirstNamespace?: boolean
}

/** Each resource is watched in all of these ways at once. */
const ways: readonly Way[] = [
  { beginning: 'list', form: 'json' },
  { beginning: 'list', form: 'json', blueOnly: true, inFirstNamespace: true },
  { beginning: 'list', form: 'protobuf' },
  { beginning: 'list', form: 'table', blueOnly: true },
  { beginning: 'list', form: 'websocket' },
  { beginning: 'watch-list', form: 'json', inFirstNamespace: true },
  { beginning: 'watch-list', form: 'protobuf', blueOnly: true },
  { beginning: 'zero', form: 'json' },
  { beginning: 'none', form: 'json', blueOnly: true },
]

export const identityOf = (cluster: TestCluster): Identity => {
  const { cert = '', key = '' } = pkiCredentials(cluster, 'admin')
  return { cert, key, ca: readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8') }
}

export interface Stage extends AsyncDisposable {
  readonly writers: Writers
  readonly truth: Truth
  readonly watchers: readonly Watcher[]
  /** Waits until this many more writes were done. */
  readonly progress: (writes: number) => Promise<void>
  /** Ends the writers, waits until every watcher has seen the end, and gives all that is wrong. */
  readonly finish: () => Promise<readonly string[]>
}

const viewOf = (kind: Kind, { blueOnly = false, inFirstNamespace = false }: Way): View => ({
  prefix: inFirstNamespace && kind.collections.length > 1 ? 'first/' : '',
  matches: blueOnly ? isBlue : () => true,
})

let marks = 0

/** Starts writers, and watchers of every way on every resource, and follows the store beside them. */
export const setStage = async (
  cluster: TestCluster,
  seed: number,
  servers: readonly [string, ...string[]] = [cluster.server],
  /** Default: all of them. */
  writtenTo: readonly [string, ...string[]] = servers,
): Promise<Stage> => {
  const identity = identityOf(cluster)
  const prefixes = Object.fromEntries(kinds.map(({ resource, storePrefix }) => [resource, storePrefix]))
  const truth = await followStore(cluster.newEtcdClient, prefixes)
  const writers = createWriters(writtenTo, kinds, identity)
  const watchers = kinds.flatMap((kind, kindIndex) =>
    ways.map((way, wayIndex) => {
      const view = viewOf(kind, way)
      const { beginning, form, blueOnly = false } = way
      return startWatcher({
        name: `${kind.resource} ${beginning} ${form}${blueOnly ? ' blue' : ''}${view.prefix}`,
        servers,
        path: view.prefix === '' ? kind.path : kind.collections[0],
        selector: blueOnly ? 'labelSelector=color%3Dblue' : '',
        view,
        resource: kind.resource,
        form,
        beginning,
        identity,
        random: seededRandom(seed + 100 * kindIndex + wayIndex),
        acknowledged: writers.acknowledged,
      })
    }),
  )
  const writing = [1, 2, 3].map((writer) => writers.start(seededRandom(seed + 1000 * writer)))
  const progress = async (writes: number): Promise<void> => {
    const wanted = writers.count() + writes
    await waitFor(() => writers.count() >= wanted, { what: `${writes} more writes` })
  }
  const stopWriters = () => Promise.all(writing.map((writer) => writer.stop()))
  const stopAll = () => Promise.all([...watchers.map((watcher) => watcher.stop()), stopWriters()])
  const missing = (from: readonly Watcher[]): string[] =>
    from
      .filter(({ newest, options }) => newest() < newestOf(truth, options.resource, options.view))
      .map(({ options }) => options.name)
  return {
    writers,
    truth,
    watchers,
    progress,
    finish: async () => {
      await stopWriters()
      await waitFor(() => writers.mark(`z-mark-${++marks}`), { what: 'the last objects' })
      await truth.caughtUp()
      await waitFor(() => missing(watchers).length === 0, { what: 'the last events' }).catch(() => undefined)
      const late = missing(watchers).map((name) => `${name}: has not seen the last objects`)
      await Promise.all(watchers.map((watcher) => watcher.stop()))
      await truth.caughtUp()
      const lost = writers.written
        .filter(
          ({ resource, revision }) =>
            !truth.of(resource).revisions.includes(revision) && revision > truth.startRevision,
        )
        .map(({ resource, key, revision }) => `${resource} ${key}: acknowledged at ${revision}, and lost`)
      return [
        ...late,
        ...lost,
        ...watchers.flatMap((watcher) => findingsOf(watcher, truth.of(watcher.options.resource))),
      ]
    },
    [Symbol.asyncDispose]: async () => {
      await stopAll()
      writers[Symbol.dispose]()
      await truth[Symbol.asyncDispose]()
    },
  }
}

const newestOf = (truth: Truth, resource: string, view: View): number =>
  truth
    .of(resource)
    .stateAt(Number.POSITIVE_INFINITY, view)
    .findLast(({ key }) => key.includes('z-mark-'))?.revision ?? 0
