/**
 * The FlowSchemas and PriorityLevelConfigurations that every cluster has from the start: mandatory ones, whose specs are
 * fixed, and suggested ones, which people may change. Upstream: k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts'

type FlowSchemaSpec = NonNullable<FlowSchema['spec']>
type PriorityLevelSpec = NonNullable<PriorityLevelConfiguration['spec']>
type Rules = NonNullable<FlowSchemaSpec['rules']>[number]
type Subject = Rules['subjects'][number]

/** `true`: the server keeps the spec as it is here; `false`: it is the cluster's own. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec'

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1'
const metadata = (name: string) => ({ name, annotations: { [autoUpdateAnnotation]: 'true' } })

const level = (name: string, spec: PriorityLevelSpec): PriorityLevelConfiguration => ({
  kind: 'PriorityLevelConfiguration',
  apiVersion,
  metadata: metadata(name),
  spec,
})

const queued = (
  name: string,
  [nominalConcurrencyShares, lendablePercent]: readonly [number, number],
  [queues, handSize]: readonly [number, number],
): PriorityLevelConfiguration =>
  level(name, {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares,
      lendablePercent,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
    },
  })

export const mandatoryPriorityLevels: readonly PriorityLevelConfiguration[] = [
  level('catch-all', {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  }),
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
]

export const suggestedPriorityLevels: readonly PriorityLevelConfiguration[] = [
  queued('system', [30, 33], [64, 6]),
  queued('node-high', [40, 25], [64, 6]),
  queued('leader-election', [10, 0], [16, 4]),
  queued('workload-high', [40, 50], [128, 6]),
  queued('workload-low', [100, 90], [128, 6]),
  queued('global-default', [20, 50], [128, 6]),
]

const groups = (...names: readonly string[]): Subject[] => names.map((name) => ({ kind: 'Group', group: { name } }))
const users = (...names: readonly string[]): Subject[] => names.map((name) => ({ kind: 'User', user: { name } }))
const kubeSystemAccounts: Subject[] = [
  { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } },
]
const everybody = groups('system:unauthenticated', 'system:authenticated')
const nodes = groups('system:nodes')

const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
}

const schema = (
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  rules: Rules,
): FlowSchema => ({
  kind: 'FlowSchema',
  apiVersion,
  metadata: metadata(name),
  spec: {
    priorityLevelConfiguration: { name: priorityLevel },
    matchingPrecedence,
    ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules: [rules],
  },
})

export const mandatoryFlowSchemas: readonly FlowSchema[] = [
  schema('exempt', 'exempt', 1, undefined, { subjects: groups('system:masters'), ...everything }),
  schema('catch-all', 'catch-all', 10_000, 'ByUser', { subjects: everybody, ...everything }),
]

const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] }

export const suggestedFlowSchemas: readonly FlowSchema[] = [
  schema('system-nodes', 'system', 500, 'ByUser', { subjects: nodes, ...everything }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: nodes,
    resourceRules: [
      { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
      { verbs: ['*'], ...leases },
    ],
  }),
  schema('probes', 'exempt', 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), ...kubeSystemAccounts],
    resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }],
  }),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-controller-manager'),
    ...everything,
  }),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-scheduler'),
    ...everything,
  }),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', {
    subjects: kubeSystemAccounts,
    ...everything,
  }),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', {
    subjects: groups('system:serviceaccounts'),
    ...everything,
  }),
  schema('global-default', 'global-default', 9900, 'ByUser', { subjects: everybody, ...everything }),
]
