/**
 * One row a resource that is stored: what upstream's strategy says of it, and changes that may be made to the corpus'
 * object. Upstream: strategy.go of each folder of pkg/registry.
 */
import { type ResourceFacts, resourceFacts } from './discovery-facts.ts'
import { isEstablished, type Rules, webhook } from './rules.ts'

const at = { lastTransitionTime: '2026-01-01T00:00:00Z' }
const condition = (type: string, status = 'True') => ({ type, status, reason: 'Tested', message: 'by a test', ...at })
const conditions = (type: string, status?: string) => ({ conditions: [condition(type, status)] })

const spec = (change: object) => ({ spec: change })
const minReadySeconds = spec({ minReadySeconds: 1 })
const configMapRules = (verb: string) => [{ apiGroups: [''], resources: ['configmaps'], verbs: [verb] }]

const cpu = { cpu: '5' }

const rules: Readonly<Record<string, Rules>> = {
  'configmaps.v1': { edit: { data: { b: '2' } } },
  'endpoints.v1': {
    edit: { subsets: [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 80, name: 'http', protocol: 'TCP' }] }] },
    madeByPut: true,
  },
  'events.v1': { edit: { message: 'two samples were taken', count: 2 }, madeByPut: true, ignoresPropagation: true },
  'limitranges.v1': {
    edit: spec({ limits: [{ type: 'Container', max: cpu, default: cpu, defaultRequest: cpu }] }),
    madeByPut: true,
  },
  'namespaces.v1': { status: conditions('Tested'), emptyStatus: { phase: 'Active' }, ignoresPropagation: true },
  'nodes.v1': {
    createdWithStatus: true,
    edit: spec({ unschedulable: true }),
    status: { conditions: [{ ...condition('Tested'), lastHeartbeatTime: at.lastTransitionTime }] },
  },
  'persistentvolumeclaims.v1': {
    status: { accessModes: ['ReadWriteMany'] },
    emptyStatus: { phase: 'Pending' },
    finalizers: ['kubernetes.io/pvc-protection'],
    answersWithObject: true,
  },
  'persistentvolumes.v1': {
    edit: spec({ persistentVolumeReclaimPolicy: 'Delete' }),
    status: { message: 'tested' },
    finalizers: ['kubernetes.io/pv-protection'],
    answersWithObject: true,
  },
  'pods.v1': {
    edit: spec({ activeDeadlineSeconds: 100 }),
    status: { message: 'tested' },
    counted: true,
    answersWithObject: true,
  },
  'podtemplates.v1': {
    edit: { template: { metadata: { labels: { app: 'other' } } } },
    counted: true,
    answersWithObject: true,
  },
  'replicationcontrollers.v1': {
    edit: minReadySeconds,
    status: { replicas: 1, fullyLabeledReplicas: 1 },
    emptyStatus: { replicas: 0 },
    counted: true,
    orphansByDefault: true,
  },
  'resourcequotas.v1': {
    edit: spec({ hard: { pods: '50' } }),
    status: { hard: { pods: '50' }, used: { pods: '1' } },
    emptyStatus: {},
    answersWithObject: true,
  },
  'secrets.v1': { edit: { data: { more: 'Yg==' } } },
  'serviceaccounts.v1': { edit: { automountServiceAccountToken: false }, answersWithObject: true },
  'services.v1': {
    edit: spec({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }),
    status: conditions('Tested'),
    emptyStatus: { loadBalancer: {} },
    madeByPut: true,
    answersWithObject: true,
  },
  'apiservices.v1.apiregistration.k8s.io': {
    edit: spec({ groupPriorityMinimum: 200 }),
    status: conditions('Tested'),
    versionNeeded: true,
    second: { metadata: { name: 'v2.samples.example.com' }, spec: { version: 'v2' } },
  },
  'controllerrevisions.v1.apps': { edit: { revision: 2 } },
  'daemonsets.v1.apps': {
    edit: minReadySeconds,
    status: { observedGeneration: 1, currentNumberScheduled: 1, numberMisscheduled: 1, desiredNumberScheduled: 1 },
    counted: true,
  },
  'deployments.v1.apps': { edit: minReadySeconds, status: { observedGeneration: 1, replicas: 1 }, counted: true },
  'replicasets.v1.apps': { edit: minReadySeconds, status: { observedGeneration: 1, replicas: 1 }, counted: true },
  'statefulsets.v1.apps': { edit: minReadySeconds, status: { observedGeneration: 1, replicas: 1 }, counted: true },
  'events.v1.events.k8s.io': { madeByPut: true, ignoresPropagation: true },
  'horizontalpodautoscalers.v2.autoscaling': {
    edit: spec({ maxReplicas: 5 }),
    status: { currentReplicas: 1, desiredReplicas: 2 },
  },
  'horizontalpodautoscalers.v1.autoscaling': {
    edit: spec({ maxReplicas: 5 }),
    status: { currentReplicas: 1, desiredReplicas: 2 },
  },
  'cronjobs.v1.batch': {
    edit: spec({ suspend: true }),
    status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
    emptyStatus: {},
    counted: true,
  },
  'jobs.v1.batch': {
    edit: spec({ backoffLimit: 3 }),
    status: { failed: 1 },
    emptyStatus: {},
    counted: true,
    orphansByDefault: true,
  },
  'certificatesigningrequests.v1.certificates.k8s.io': {
    status: { conditions: [{ ...condition('Failed'), lastUpdateTime: at.lastTransitionTime }] },
    emptyStatus: {},
    statusIsNotOwned: true,
  },
  'ingressclasses.v1.networking.k8s.io': {
    edit: spec({ parameters: { apiGroup: 'example.com', kind: 'Sample', name: 'sample', scope: 'Cluster' } }),
    counted: true,
  },
  'ingresses.v1.networking.k8s.io': {
    edit: spec({ ingressClassName: 'other' }),
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } },
    emptyStatus: { loadBalancer: {} },
    counted: true,
  },
  'ipaddresses.v1.networking.k8s.io': { second: { metadata: { name: '203.0.113.8' } } },
  'networkpolicies.v1.networking.k8s.io': {
    edit: spec({ podSelector: { matchLabels: { app: 'other' } } }),
    counted: true,
  },
  'servicecidrs.v1.networking.k8s.io': {
    status: conditions('Ready'),
    emptyStatus: {},
    createdWithStatus: true,
    mainWritesStatus: true,
  },
  'poddisruptionbudgets.v1.policy': {
    edit: spec({ minAvailable: 2 }),
    status: { disruptionsAllowed: 1, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    counted: true,
    versionNeeded: true,
  },
  'clusterrolebindings.v1.rbac.authorization.k8s.io': {
    edit: { subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'joe' }] },
    madeByPut: true,
  },
  'clusterroles.v1.rbac.authorization.k8s.io': { edit: { rules: configMapRules('list') }, madeByPut: true },
  'rolebindings.v1.rbac.authorization.k8s.io': {
    edit: { subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'joe' }] },
    madeByPut: true,
  },
  'roles.v1.rbac.authorization.k8s.io': { edit: { rules: configMapRules('list') }, madeByPut: true },
  'csidrivers.v1.storage.k8s.io': {
    edit: spec({ requiresRepublish: true }),
    versionNeeded: true,
    answersWithObject: true,
  },
  'csinodes.v1.storage.k8s.io': {
    edit: spec({
      drivers: ['sample', 'other'].map((name) => ({
        name: `${name}.example.com`,
        nodeID: 'sample',
        topologyKeys: null,
      })),
    }),
    versionNeeded: true,
    answersWithObject: true,
  },
  'csistoragecapacities.v1.storage.k8s.io': {
    edit: { capacity: '2Gi' },
    versionNeeded: true,
    answersWithObject: true,
  },
  'storageclasses.v1.storage.k8s.io': { edit: { allowVolumeExpansion: true }, answersWithObject: true },
  'volumeattachments.v1.storage.k8s.io': {
    status: { attached: true },
    emptyStatus: { attached: false },
    versionNeeded: true,
    answersWithObject: true,
  },
  'volumeattributesclasses.v1.storage.k8s.io': {
    answersWithObject: true,
    finalizers: ['kubernetes.io/vac-protection'],
  },
  'mutatingadmissionpolicies.v1.admissionregistration.k8s.io': {
    edit: spec({ failurePolicy: 'Fail' }),
    counted: true,
    versionNeeded: true,
  },
  'mutatingadmissionpolicybindings.v1.admissionregistration.k8s.io': {
    edit: spec({ policyName: 'other' }),
    counted: true,
    versionNeeded: true,
  },
  'mutatingwebhookconfigurations.v1.admissionregistration.k8s.io': {
    edit: { webhooks: [{ ...webhook, reinvocationPolicy: 'Never' }] },
    counted: true,
    versionNeeded: true,
  },
  'validatingadmissionpolicies.v1.admissionregistration.k8s.io': {
    edit: spec({ failurePolicy: 'Fail' }),
    status: { observedGeneration: 1 },
    emptyStatus: {},
    counted: true,
    versionNeeded: true,
  },
  'validatingadmissionpolicybindings.v1.admissionregistration.k8s.io': {
    edit: spec({ policyName: 'other' }),
    counted: true,
    versionNeeded: true,
  },
  'validatingwebhookconfigurations.v1.admissionregistration.k8s.io': {
    edit: { webhooks: [webhook] },
    counted: true,
    versionNeeded: true,
  },
  'customresourcedefinitions.v1.apiextensions.k8s.io': {
    edit: spec({ names: { shortNames: ['smp'] } }),
    settled: isEstablished,
    status: conditions('Tested'),
    counted: true,
    versionNeeded: true,
    second: {
      metadata: { name: 'others.kubets.example.com' },
      spec: { names: { plural: 'others', singular: 'other', kind: 'Other' } },
    },
  },
  'priorityclasses.v1.scheduling.k8s.io': { edit: { description: 'tested' }, counted: true },
  'leases.v1.coordination.k8s.io': {
    edit: spec({ holderIdentity: 'other' }),
    versionNeeded: true,
    madeByPut: true,
  },
  'runtimeclasses.v1.node.k8s.io': { edit: { scheduling: { nodeSelector: { a: 'b' } } }, versionNeeded: true },
  'endpointslices.v1.discovery.k8s.io': {
    edit: { endpoints: [{ addresses: ['192.0.2.2'], conditions: {} }] },
    counted: true,
  },
  'flowschemas.v1.flowcontrol.apiserver.k8s.io': {
    edit: spec({ matchingPrecedence: 9001 }),
    status: conditions('Dangling', 'False'),
    emptyStatus: {},
    counted: true,
    versionNeeded: true,
  },
  'prioritylevelconfigurations.v1.flowcontrol.apiserver.k8s.io': {
    edit: spec({ limited: { nominalConcurrencyShares: 2 } }),
    status: conditions('Tested'),
    emptyStatus: {},
    counted: true,
    versionNeeded: true,
  },
  'deviceclasses.v1.resource.k8s.io': {
    edit: spec({ selectors: [{ cel: { expression: 'device.driver == "other.example.com"' } }] }),
    counted: true,
  },
  'resourceclaims.v1.resource.k8s.io': {
    status: {
      allocation: {
        devices: { results: [{ request: 'one', driver: 'sample.example.com', pool: 'sample', device: 'one' }] },
      },
    },
    emptyStatus: {},
  },
  'resourceclaimtemplates.v1.resource.k8s.io': {},
  'resourceslices.v1.resource.k8s.io': {
    edit: spec({ pool: { name: 'sample', generation: 2, resourceSliceCount: 1 } }),
    counted: true,
  },
}

export interface Row {
  /** `deployments.v1.apps` */
  readonly key: string
  readonly facts: ResourceFacts
  readonly rules: Rules
}

const keyOf = ({ group, version, name }: ResourceFacts): string =>
  [name, version, ...(group === '' ? [] : [group])].join('.')

/** Resources that have rows of their own elsewhere: they are answered, not stored. */
export const unstored = (facts: ResourceFacts): boolean => facts.stored === undefined

/** Throws for a resource that has no rules: a new one cannot be forgotten. */
export const rows: readonly Row[] = resourceFacts
  .filter((facts) => !unstored(facts))
  .map((facts) => {
    const key = keyOf(facts)
    const found = rules[key]
    if (found === undefined) throw new Error(`the matrix has no row for ${key}`)
    return { key, facts, rules: found }
  })
