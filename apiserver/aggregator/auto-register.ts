/**
 * Keeps the APIServices of what this server has itself: of built-in versions from its start, of custom ones as their
 * definitions come and go. What somebody else has put there is his. Upstream: kube-aggregator/pkg/controllers/autoregister
 */
import { apiGroups, aggregatorGroup, versionPriorityOf } from '../../api/kinds.ts'
import type { APIService, CustomResourceDefinition } from '../../api/types.ts'
import { isReason } from '../../api/meta/status-error.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { ensureExists, ensureLike } from '../bootstrap/ensure.ts'
import { deleteObject } from '../registry/delete.ts'
import type { Resources } from '../registry/resources.ts'
import { wheneverChanged } from '../registry/whenever-changed.ts'
import { equalJson } from '../storage/json.ts'

const managedLabel = 'kube-aggregator.kubernetes.io/automanaged'
/** Built-in: made and mended once, when a server starts. Custom: always. */
type Managed = 'onstart' | 'true'

const customPriority = { group: 1000, version: 100 }

const desiredApiService = (
  group: string,
  version: string,
  priority: { readonly group: number; readonly version: number },
  managed: Managed,
): APIService => ({
  kind: 'APIService',
  apiVersion: 'apiregistration.k8s.io/v1',
  metadata: { name: `${version}.${group}`, labels: { [managedLabel]: managed } },
  spec: {
    group,
    version,
    groupPriorityMinimum: priority.group,
    versionPriority: priority.version,
  },
})

const nameOf = ({ metadata }: APIService): string => metadata?.name ?? ''
const managedBy = ({ metadata }: APIService): string | undefined => metadata?.labels?.[managedLabel]

/** Of every built-in version with a resource that clients see. */
const builtIn = (resources: Resources): APIService[] => {
  const served = Map.groupBy(
    [...resources.all()].flatMap(({ definition }) => (definition.custom === undefined ? [definition] : [])),
    ({ group }) => group,
  )
  return apiGroups
    .filter(({ name }) => name !== aggregatorGroup)
    .flatMap(({ name, priority }) =>
      [...new Set((served.get(name) ?? []).map(({ version }) => version))].map((version) =>
        desiredApiService(name, version, { group: priority, version: versionPriorityOf(name, version) }, 'onstart'),
      ),
    )
}

const custom = (definitions: readonly CustomResourceDefinition[]): APIService[] =>
  definitions.flatMap(({ spec }) =>
    spec.versions
      .filter(({ served }) => served)
      .map(({ name }) => desiredApiService(spec.group, name, customPriority, 'true')),
  )

export interface AutoRegister {
  /** Makes it right once; rejects if the store cannot be written. */
  readonly sync: () => Promise<void>
  /** Whether it has been right once. */
  readonly isDone: () => boolean
  /** The same whenever something changes, until the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** What the proxy and discovery go by is read from the same cache: this keeps it alive. */
const resyncMs = 60_000

export const createAutoRegister = (resources: Resources, clock: Clock, log: Logger): AutoRegister => {
  const apiServices = resources.get({ group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' })
  const definitions = resources.get({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
  })
  /** Those that were there when this server started. */
  let atStart: ReadonlySet<string> | undefined
  let isDone = false
  /** Built-in ones that have been made right. */
  const done = new Set<string>()

  const current = (): APIService[] => apiServices.store.cache.range('').map(({ object }) => object as APIService)

  const make = async (desired: APIService): Promise<void> => {
    const known = apiServices.store.cache.get(nameOf(desired))?.object as APIService | undefined
    if (known === undefined) return ensureExists(apiServices, desired)
    const same = equalJson(known.spec, desired.spec) && managedBy(known) === managedBy(desired)
    if (same || managedBy(known) === undefined) return
    await ensureLike(apiServices, desired, (object) => {
      const apiService = object as APIService
      if (desired.spec !== undefined) apiService.spec = { ...desired.spec }
      apiService.metadata = {
        ...apiService.metadata,
        labels: { ...apiService.metadata?.labels, [managedLabel]: managedBy(desired) ?? '' },
      }
    })
  }

  const remove = async (apiService: APIService): Promise<void> => {
    const { name = '', uid } = apiService.metadata ?? {}
    try {
      await deleteObject(
        apiServices,
        { namespace: '', name },
        {
          options: uid === undefined ? {} : { preconditions: { uid } },
          dryRun: false,
          clock,
          validating: async () => {},
        },
      )
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error
    }
  }

  const makeOnce = async (desired: APIService): Promise<void> => {
    const name = nameOf(desired)
    if (done.has(name)) return
    await make(desired)
    done.add(name)
  }

  const sync = async (): Promise<void> => {
    await Promise.all([apiServices.store.consistent(), definitions.store.consistent()])
    atStart ??= new Set(current().map(nameOf))
    const fixed = builtIn(resources)
    const fixedNames = new Set(fixed.map(nameOf))
    const defined = custom(definitions.store.cache.range('').map(({ object }) => object as CustomResourceDefinition))
    const wanted = new Map(
      defined.filter((one) => !fixedNames.has(nameOf(one))).map((one) => [nameOf(one), one] as const),
    )
    await Promise.all(fixed.map(makeOnce))
    await Promise.all([...wanted.values()].map(make))
    const left = current().filter((one) => !fixedNames.has(nameOf(one)) && !wanted.has(nameOf(one)))
    await Promise.all(
      left
        .filter((one) => managedBy(one) === 'true' || (managedBy(one) === 'onstart' && atStart?.has(nameOf(one))))
        .map(remove),
    )
    isDone = true
  }

  const run = (signal: AbortSignal): Promise<void> =>
    wheneverChanged(
      {
        caches: [apiServices.store.cache, definitions.store.cache],
        resyncMs,
        work: async () => {
          await sync()
          return undefined
        },
        onError: (err) => log.warn({ err }, 'APIServices could not be registered'),
      },
      signal,
    )
  return { sync, run, isDone: () => isDone }
}
