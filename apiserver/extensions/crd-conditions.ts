/** The status of a CustomResourceDefinition as its controllers write it. Upstream: apiextensions-apiserver/pkg/controller */
import { findCondition, setCondition } from '../../api/meta/conditions.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { CustomResourceDefinition } from '../../api/types.ts'

type Status = NonNullable<CustomResourceDefinition['status']>
type Names = CustomResourceDefinition['spec']['names']
type Conditions = NonNullable<Status['conditions']>

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

export const nameOf = ({ metadata }: CustomResourceDefinition): string => metadata?.name ?? ''

const isTrue = (definition: CustomResourceDefinition, type: string): boolean =>
  findCondition(definition.status?.conditions, type)?.status === 'True'

export const isEstablished = (definition: CustomResourceDefinition): boolean => isTrue(definition, 'Established')

/** Who has been given which names of a group, and may keep them: of resources (with short ones) and of kinds. */
export class NamesInUse {
  readonly #owners = new Map<string, Set<string>>()

  constructor(definitions: readonly CustomResourceDefinition[]) {
    for (const definition of definitions) this.give(nameOf(definition), definition.status?.acceptedNames)
  }

  /** Adds what a definition was given; what it had before stays its own. */
  give(owner: string, names: Names | undefined): void {
    if (names === undefined) return
    const { plural, singular = '', shortNames = [], kind, listKind = '' } = names
    for (const name of [plural, singular, ...shortNames]) this.#add(`resource ${name}`, owner)
    for (const name of [kind, listKind]) this.#add(`kind ${name}`, owner)
  }

  #add(name: string, owner: string): void {
    this.#owners.set(name, (this.#owners.get(name) ?? new Set()).add(owner))
  }

  /** Whether anybody else has it. */
  isTaken(type: 'resource' | 'kind', name: string, owner: string): boolean {
    const owners = this.#owners.get(`${type} ${name}`)
    return owners !== undefined && (owners.size > 1 || !owners.has(owner))
  }
}

interface Acceptance {
  readonly names: Names
  readonly condition: {
    readonly type: string
    readonly status: string
    readonly reason: string
    readonly message: string
  }
}

/** Which of the wanted names it gets: a name that another has stays with that one. Upstream: calculateNamesAndConditions. */
const acceptNames = (definition: CustomResourceDefinition, inUse: NamesInUse): Acceptance => {
  const { names: wanted } = definition.spec
  const held = definition.status?.acceptedNames ?? { plural: '', kind: '' }
  const owner = nameOf(definition)
  const conflicts: { reason: string; message: string }[] = []
  const check = (name: string, type: 'resource' | 'kind', reason: string): boolean => {
    if (name === '' || !inUse.isTaken(type, name, owner)) return true
    conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` })
    return false
  }
  const { singular = '', listKind = '' } = wanted
  const plural = check(wanted.plural, 'resource', 'PluralConflict') ? wanted.plural : held.plural
  const acceptedSingular = check(singular, 'resource', 'SingularConflict') ? singular : held.singular
  const short = wanted.shortNames ?? []
  const shortConflicts = short.filter((name) => inUse.isTaken('resource', name, owner))
  if (shortConflicts.length > 0) {
    const message = shortConflicts.map((name) => `${JSON.stringify(name)} is already in use`).join(', ')
    conflicts.push({ reason: 'ShortNamesConflict', message })
  }
  const kind = check(wanted.kind, 'kind', 'KindConflict') ? wanted.kind : held.kind
  const acceptedListKind = check(listKind, 'kind', 'ListKindConflict') ? listKind : held.listKind
  const shortNames = shortConflicts.length > 0 ? held.shortNames : wanted.shortNames
  const { categories } = wanted
  const names: Names = {
    plural,
    ...(acceptedSingular ? { singular: acceptedSingular } : {}),
    ...(shortNames === undefined ? {} : { shortNames }),
    kind,
    ...(acceptedListKind ? { listKind: acceptedListKind } : {}),
    ...(categories === undefined ? {} : { categories }),
  }
  const last = conflicts.at(-1)
  const type = 'NamesAccepted'
  if (last === undefined)
    return { names, condition: { type, status: 'True', reason: 'NoConflicts', message: 'no conflicts found' } }
  return { names, condition: { type, status: 'False', ...last } }
}

/** The status as it should be, given the names that its group has in use. Pure. */
export const nextStatus = (definition: CustomResourceDefinition, inUse: NamesInUse, nowMs: number): Status => {
  const now = nowRfc3339(nowMs)
  const { names, condition } = acceptNames(definition, inUse)
  let conditions = setCondition(definition.status?.conditions, condition, now) as Conditions
  const accepted = condition.status === 'True'
  if (findCondition(conditions, 'Established')?.status !== 'True') {
    const established = accepted
      ? { status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
      : { status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
    conditions = setCondition(conditions, { type: 'Established', ...established }, now) as Conditions
  }
  return { ...definition.status, conditions, acceptedNames: names }
}

const terminating = (status: string, reason: string, message: string) => ({
  type: 'Terminating',
  status,
  reason,
  message,
})

/** Marks a definition whose deletion begins: its objects go first. */
export const beginTermination = (definition: CustomResourceDefinition, nowMs: number): void => {
  const metadata = (definition.metadata ??= {})
  const finalizers = metadata.finalizers ?? []
  if (!finalizers.includes(cleanupFinalizer)) metadata.finalizers = [...finalizers, cleanupFinalizer]
  const condition = terminating(
    'True',
    'InstanceDeletionPending',
    'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  )
  definition.status = {
    ...definition.status,
    conditions: [...setCondition(definition.status?.conditions, condition, nowRfc3339(nowMs))],
  }
}

/** Objects that cannot be read hold their definition. */
export const terminationFailure = (status: Status | undefined, error: Error, nowMs: number): Status => {
  const condition = terminating('True', 'InstanceDeletionFailed', `could not list instances: ${error.message}`)
  return { ...status, conditions: [...setCondition(status?.conditions, condition, nowRfc3339(nowMs))] }
}

export const terminationProgress = (status: Status | undefined, left: number, nowMs: number): Status => {
  const condition =
    left === 0
      ? terminating('False', 'InstanceDeletionCompleted', 'removed all instances')
      : terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')
  return { ...status, conditions: [...setCondition(status?.conditions, condition, nowRfc3339(nowMs))] }
}
