/**
 * What must be true of controllers at every moment, whatever happens to them: seen by a watcher that knows nothing of
 * them but the API. What a controller needs a moment to mend may be wrong for that long and no longer.
 */
import { controllerOf } from '../../../api/meta/owners.ts'
import { isPodReady, isPodTerminal } from '../../../api/meta/pods.ts'
import {
  configMaps,
  daemonSets,
  deployments,
  jobs,
  pods,
  replicaSets,
  statefulSets,
  type ResourceRef,
} from '../../../api/resources.ts'
import type { Deployment, Job, KubeObject, Pod } from '../../../api/types.ts'
import { createInformer, type Informer } from '../../../client/cache/informer.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { maxSurge } from '../../../controller-manager/deployment/sizes.ts'

/** So long may an excess last while a leader is at work; where there is none, nobody can mend it. */
const mendMs = 12_000
const tickMs = 100

export interface Guarded {
  readonly app: string
  /** What evictions have to leave. */
  readonly minAvailable: number
}

export interface Invariants {
  readonly violations: readonly string[]
  /** Uids of Pods of a Job that were ever seen to have succeeded. */
  readonly succeeded: (job: string) => ReadonlySet<string>
  /** Tells whether somebody leads and has been seen to work. */
  readonly setLed: (isLed: boolean) => void
  /** From now on the budget is watched: all its Pods are there. */
  readonly guard: (guarded: Guarded) => void
  /** ConfigMaps of the namespace that went though nobody deleted their owner. */
  readonly mayGo: (name: string) => void
  readonly finished: Promise<void>
}

const nameOf = (object: KubeObject): string => object.metadata?.name ?? ''
const isDeleting = (object: KubeObject): boolean => object.metadata?.deletionTimestamp !== undefined
const isLive = (pod: Pod): boolean => !isDeleting(pod) && !isPodTerminal(pod)
const ordinalOf = (pod: Pod): number => Number(/-(\d+)$/.exec(nameOf(pod))?.[1] ?? -1)

const count = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

export const watchInvariants = async (
  client: RestClient,
  namespace: string,
  signal: AbortSignal,
): Promise<Invariants> => {
  const violations: string[] = []
  const violated = (what: string): void => {
    if (!violations.includes(what)) violations.push(what)
  }
  const informers: Informer<KubeObject>[] = []
  const follow = <T extends KubeObject>(ref: ResourceRef<T>): Informer<T> => {
    const informer = createInformer(client, ref, { namespace })
    informers.push(informer as unknown as Informer<KubeObject>)
    return informer
  }
  const podCache = follow(pods)
  const deploymentCache = follow(deployments)
  const setCache = follow(replicaSets)
  const statefulCache = follow(statefulSets)
  const daemonCache = follow(daemonSets)
  const jobCache = follow(jobs)
  const mapCache = follow(configMaps)

  /** Since when something is wrong that may be so for a while. */
  const since = new Map<string, number>()
  let ledSince: number | undefined
  const lasting = (what: string, isWrong: boolean, detail: () => string): void => {
    if (!isWrong) return void since.delete(what)
    const start = since.get(what) ?? Date.now()
    since.set(what, start)
    if (ledSince === undefined) return
    if (Date.now() - Math.max(start, ledSince) > mendMs) violated(`${what} for ${mendMs} ms: ${detail()}`)
  }

  const livePods = (owner: KubeObject): Pod[] =>
    podCache.lister.list().filter((pod) => isLive(pod) && controllerOf(pod)?.uid === owner.metadata?.uid)

  const checkDeployment = (deployment: Deployment): void => {
    const sets = setCache.lister.list().filter((set) => controllerOf(set)?.uid === deployment.metadata?.uid)
    const live = sets.flatMap(livePods).length
    const most = (deployment.spec?.replicas ?? 1) + maxSurge(deployment)
    lasting(`more Pods than replicas and surge: ${nameOf(deployment)}`, live > most, () => `${live} of ${most}`)
  }
  const checkJob = (job: Job): void => {
    const live = livePods(job).length
    const most = job.spec?.parallelism ?? 1
    lasting(`more Pods than parallelism: ${nameOf(job)}`, live > most, () => `${live} of ${most}`)
  }
  const checkAll = (): void => {
    for (const deployment of deploymentCache.lister.list()) checkDeployment(deployment)
    for (const job of jobCache.lister.list()) checkJob(job)
    for (const set of statefulCache.lister.list()) {
      const beyond = livePods(set).filter((pod) => ordinalOf(pod) >= (set.spec?.replicas ?? 1))
      lasting(`ordinals beyond replicas: ${nameOf(set)}`, beyond.length > 0, () => beyond.map(nameOf).join(' '))
    }
    for (const set of daemonCache.lister.list()) {
      const doubled = [...count(livePods(set), (pod) => pod.spec?.nodeName ?? '')].filter(([, size]) => size > 1)
      lasting(`two Pods on a node: ${nameOf(set)}`, doubled.length > 0, () => doubled.join(' '))
    }
    // Nothing is left of an owner that is gone.
    const owners = new Set(
      [
        ...setCache.lister.list(),
        ...jobCache.lister.list(),
        ...statefulCache.lister.list(),
        ...daemonCache.lister.list(),
      ].map(({ metadata }) => metadata?.uid),
    )
    for (const pod of podCache.lister.list()) {
      const owner = controllerOf(pod)
      const isGarbage = owner !== undefined && !owners.has(owner.uid) && !isDeleting(pod)
      lasting(`garbage: ${nameOf(pod)}`, isGarbage, () => owner?.name ?? '')
    }
  }

  const guards: Guarded[] = []
  const checkBudget = ({ app, minAvailable }: Guarded): void => {
    const healthy = podCache.lister
      .list()
      .filter((pod) => pod.metadata?.labels?.['app'] === app && isLive(pod) && isPodReady(pod))
    if (healthy.length < minAvailable) violated(`evictions left ${healthy.length} Pods of ${app}, not ${minAvailable}`)
  }

  /** When a Pod of an ordinal was last ready, by `set/ordinal`. */
  const readyAt = new Map<string, number>()
  const checkOrder = (pod: Pod): void => {
    const owner = controllerOf(pod)
    if (
      owner?.kind !== 'StatefulSet' ||
      statefulCache.lister.get(`${namespace}/${owner.name}`)?.spec?.podManagementPolicy === 'Parallel'
    )
      return
    const before = ordinalOf(pod) - 1
    // Somebody may have deleted it since the controller has seen it ready.
    const present = podCache.lister.get(`${namespace}/${owner.name}-${before}`)
    const isReady = present !== undefined && isPodReady(present)
    const wasReady = isReady || Date.now() - (readyAt.get(`${owner.name}/${before}`) ?? 0) < mendMs
    if (before >= 0 && !wasReady) violated(`${nameOf(pod)} was made before ${owner.name}-${before} was ready`)
  }
  const succeeded = new Map<string, Set<string>>()
  const notePod = (pod: Pod): void => {
    const owner = controllerOf(pod)
    if (owner?.kind === 'StatefulSet' && isPodReady(pod)) readyAt.set(`${owner.name}/${ordinalOf(pod)}`, Date.now())
    if (owner?.kind === 'Job' && pod.status?.phase === 'Succeeded') {
      const uids = succeeded.get(owner.name) ?? new Set<string>()
      succeeded.set(owner.name, uids.add(pod.metadata?.uid ?? ''))
    }
    guards.forEach(checkBudget)
  }
  podCache.addHandler({
    onAdd: (pod) => {
      checkOrder(pod)
      notePod(pod)
    },
    onUpdate: (_old, pod) => notePod(pod),
    onDelete: notePod,
  })
  jobCache.addHandler({
    onUpdate: (old, job) => {
      const [was, is] = [old.status?.succeeded ?? 0, job.status?.succeeded ?? 0]
      if (is < was) violated(`${nameOf(job)} counted ${was} successes, then ${is}`)
      if (is > (job.spec?.completions ?? Infinity)) violated(`${nameOf(job)} counted ${is} successes`)
      const uids = [...(job.status?.uncountedTerminatedPods?.succeeded ?? [])]
      if (new Set(uids).size !== uids.length) violated(`${nameOf(job)} counts a Pod twice`)
    },
  })
  const goners = new Set<string>()
  mapCache.addHandler({
    onDelete: (map) => {
      if (!goners.has(nameOf(map))) violated(`${nameOf(map)} was deleted though its owner lives`)
    },
  })
  const runs = informers.map((informer) => informer.start(signal))
  await Promise.all(informers.map((informer) => informer.whenSynced(signal)))
  const timer = setInterval(checkAll, tickMs)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  return {
    violations,
    succeeded: (job) => succeeded.get(job) ?? new Set(),
    setLed: (isLed) => {
      ledSince = isLed ? Date.now() : undefined
    },
    guard: (guarded) => {
      guards.push(guarded)
      checkBudget(guarded)
    },
    mayGo: (name) => void goners.add(name),
    finished: Promise.all(runs).then(() => undefined),
  }
}
