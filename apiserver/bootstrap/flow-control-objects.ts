/**
 * Keeps the FlowSchemas and PriorityLevelConfigurations that every cluster has. What is missing is made; the specs of
 * mandatory ones are always put right, those of suggested ones as long as their annotation says that they are the
 * server's; what earlier versions suggested goes. Upstream: pkg/registry/flowcontrol/rest, pkg/registry/flowcontrol/ensurer
 */
import {
  autoUpdateAnnotation,
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedFlowSchemas,
  suggestedPriorityLevels,
} from '../../api/flowcontrol/bootstrap.ts'
import { isReason } from '../../api/meta/status-error.ts'
import type { FlowSchema, KubeObject, PriorityLevelConfiguration } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import { deleteObject } from '../registry/delete.ts'
import { canonicalStored } from '../registry/canonical.ts'
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import { cloneJson, equalJson } from '../storage/json.ts'
import { ensureExists, ensureLike } from './ensure.ts'

type ConfigObject = FlowSchema | PriorityLevelConfiguration

/** Of these the server does not let people change the spec, or only a part of it. */
type Strategy = 'mandatory' | 'suggested'

export const producerManager = 'api-priority-and-fairness-config-producer-v1'

/** Go's ParseBool; undefined for what is none. */
const parseBool = (text: string | undefined): boolean | undefined => {
  if (text === undefined) return undefined
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined
}

const annotated = (object: KubeObject): boolean | undefined =>
  parseBool(object.metadata?.annotations?.[autoUpdateAnnotation])

/** `exempt` may be tuned by people: of its spec they own that part while the annotation says so. */
const wantedSpec = (wanted: ConfigObject, current: KubeObject, strategy: Strategy): KubeObject['spec'] => {
  if (strategy === 'suggested' || wanted.metadata?.name !== 'exempt' || wanted.kind !== 'PriorityLevelConfiguration') {
    return wanted.spec
  }
  if (keepsSpec(current)) return wanted.spec
  return {
    ...(wanted as PriorityLevelConfiguration).spec,
    exempt: (current as PriorityLevelConfiguration).spec?.exempt,
  }
}

/** Without a word in the annotation a spec is the server's that nobody has ever changed. */
const keepsSpec = (current: KubeObject): boolean => annotated(current) ?? current.metadata?.generation === 1

export interface ConfigUpdate {
  /** undefined: the spec stays. */
  readonly spec: KubeObject['spec']
  readonly annotation: 'true' | 'false'
}

/** What must change in an existing object; undefined for nothing. Pure. Upstream: shouldUpdate */
export const planConfigUpdate = (
  current: KubeObject,
  wanted: ConfigObject,
  strategy: Strategy,
): ConfigUpdate | undefined => {
  const own = keepsSpec(current)
  const isExempt = wanted.kind === 'PriorityLevelConfiguration' && wanted.metadata?.name === 'exempt'
  const mandatory = strategy === 'mandatory'
  const autoUpdate = own || (mandatory && !isExempt)
  const spec = own || mandatory ? wantedSpec(wanted, current, strategy) : undefined
  const specChanges = spec !== undefined && !equalJson(spec, current.spec)
  if (!specChanges && annotated(current) === autoUpdate) return undefined
  return { spec: specChanges ? spec : undefined, annotation: autoUpdate ? 'true' : 'false' }
}

export interface FlowControlObjects {
  readonly ensureAll: () => Promise<void>
  /** Those without which flow control would have to make up its own. */
  readonly ensureMandatory: () => Promise<void>
}

export const createFlowControlObjects = (resources: Resources, clock: Clock): FlowControlObjects => {
  const resourceOf = (resource: string): Resource =>
    resources.get({ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource })
  const schemas = resourceOf('flowschemas')
  const levels = resourceOf('prioritylevelconfigurations')

  const ensureOne = async (resource: Resource, object: ConfigObject, strategy: Strategy): Promise<void> => {
    const wanted = canonicalStored(resource.definition, cloneJson(object)) as ConfigObject
    const current = resource.store.cache.get(wanted.metadata?.name ?? '')?.object
    if (current === undefined) return ensureExists(resource, wanted, producerManager)
    if (planConfigUpdate(current, wanted, strategy) === undefined) return
    await ensureLike(
      resource,
      wanted,
      (live) => {
        const update = planConfigUpdate(live, wanted, strategy)
        if (update === undefined) return
        if (update.spec !== undefined) live.spec = cloneJson(update.spec)
        live.metadata = {
          ...live.metadata,
          annotations: { ...live.metadata?.annotations, [autoUpdateAnnotation]: update.annotation },
        }
      },
      producerManager,
    )
  }

  const ensure = async (resource: Resource, objects: readonly ConfigObject[], strategy: Strategy): Promise<void> => {
    await resource.store.consistent()
    await Promise.all(objects.map((object) => ensureOne(resource, object, strategy)))
  }

  /** What a server of another version has left, and still calls its own. */
  const removeOthers = async (resource: Resource, known: readonly ConfigObject[]): Promise<void> => {
    const names = new Set(known.map(({ metadata }) => metadata?.name))
    for (const { object } of resource.store.cache.range()) {
      const name = object.metadata?.name ?? ''
      if (names.has(name) || annotated(object) !== true) continue
      const validating = async (): Promise<void> => {}
      try {
        await deleteObject(resource, { namespace: '', name }, { options: {}, dryRun: false, clock, validating })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    }
  }

  const ensureMandatory = async (): Promise<void> => {
    await ensure(levels, mandatoryPriorityLevels, 'mandatory')
    await ensure(schemas, mandatoryFlowSchemas, 'mandatory')
  }

  return {
    ensureMandatory,
    ensureAll: async () => {
      // Levels first: no FlowSchema is without its own for a moment.
      await ensure(levels, suggestedPriorityLevels, 'suggested')
      await ensure(schemas, suggestedFlowSchemas, 'suggested')
      await ensureMandatory()
      await removeOthers(schemas, [...mandatoryFlowSchemas, ...suggestedFlowSchemas])
      await removeOthers(levels, [...mandatoryPriorityLevels, ...suggestedPriorityLevels])
    },
  }
}
