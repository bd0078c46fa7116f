/** What a controller may write into the status of a workload. Upstream: the Validate…StatusUpdate of pkg/apis/apps and core. */
import { child, type FieldError, invalid } from '../meta/field-error.ts'
import type { DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet } from '../types.ts'
import { validateStatusCounts } from './validate-workload.ts'

type Counts<Field extends string> = Readonly<Partial<Record<Field, number>>>

/** `limit` is `status.replicas` or the like, in upstream's words. */
const notMoreThan = <Field extends string>(
  status: Counts<Field> | undefined,
  fields: readonly Field[],
  most: number,
  limit: string,
): FieldError[] =>
  fields.flatMap((field) => {
    const value = status?.[field] ?? 0
    return value > most ? [invalid(child('status', field), value, `cannot be greater than ${limit}`)] : []
  })

/** Hash collisions are counted, never forgotten. */
const notDecremented = (next: number | undefined, old: number | undefined): FieldError[] =>
  old !== undefined && (next ?? 0) < old ? [invalid('status.collisionCount', next ?? 0, 'cannot be decremented')] : []

/** Also for ReplicationControllers, whose status is the same. */
export const validateReplicaSetStatusUpdate = ({ status }: ReplicaSet | ReplicationController): FieldError[] => [
  ...validateStatusCounts(status, [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'observedGeneration',
  ]),
  ...notMoreThan(
    status,
    ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    status?.replicas ?? 0,
    'status.replicas',
  ),
  ...notMoreThan(status, ['availableReplicas'], status?.readyReplicas ?? 0, 'readyReplicas'),
]

export const validateDeploymentStatusUpdate = ({ status }: Deployment, old: Deployment): FieldError[] => [
  ...validateStatusCounts(status, [
    'observedGeneration',
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
    'collisionCount',
  ]),
  ...notMoreThan(
    status,
    ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
    status?.replicas ?? 0,
    'status.replicas',
  ),
  ...notMoreThan(status, ['availableReplicas'], status?.readyReplicas ?? 0, 'readyReplicas'),
  ...notDecremented(status?.collisionCount, old.status?.collisionCount),
]

export const validateStatefulSetStatusUpdate = ({ status }: StatefulSet, old: StatefulSet): FieldError[] => [
  ...validateStatusCounts(status, [
    'replicas',
    'readyReplicas',
    'currentReplicas',
    'updatedReplicas',
    'availableReplicas',
    'observedGeneration',
    'collisionCount',
  ]),
  ...notMoreThan(
    status,
    ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
    status?.replicas ?? 0,
    'status.replicas',
  ),
  ...notMoreThan(status, ['availableReplicas'], status?.readyReplicas ?? 0, 'status.readyReplicas'),
  ...notDecremented(status?.collisionCount, old.status?.collisionCount),
]

export const validateDaemonSetStatusUpdate = ({ status }: DaemonSet, old: DaemonSet): FieldError[] => [
  ...validateStatusCounts(status, [
    'currentNumberScheduled',
    'numberMisscheduled',
    'desiredNumberScheduled',
    'numberReady',
    'observedGeneration',
    'updatedNumberScheduled',
    'numberAvailable',
    'numberUnavailable',
    'collisionCount',
  ]),
  ...notDecremented(status?.collisionCount, old.status?.collisionCount),
]
