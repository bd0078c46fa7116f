/** Bad objects of all kinds, as a client sends them, and what is said about each: field, type and message. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findKind } from './kinds.ts'
import { isDns1123Subdomain } from './meta/names.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from './meta/validate-metadata.ts'
import type { KubeObject } from './types.ts'

interface Row {
  readonly name: string
  readonly object: KubeObject
  /** The stored object, if this is an update of it. */
  readonly old?: KubeObject
  /** An update through /status. */
  readonly status?: boolean
  /** `field: type: detail`; none means valid. */
  readonly errors: readonly string[]
}

/** The same steps as in the registry of the API server. */
const problemsOf = ({ object, old, status }: Row): readonly string[] => {
  const [group = '', version = ''] = (object.apiVersion ?? '').includes('/')
    ? (object.apiVersion ?? '').split('/')
    : ['', object.apiVersion]
  const definition = findKind(group, version, object.kind ?? '')
  assert.ok(definition, object.kind)
  const namespaced = definition.scope === 'Namespaced'
  const complete = (given: KubeObject): KubeObject => {
    const copy = structuredClone(given)
    copy.metadata = { name: 'x', ...(namespaced ? { namespace: 'default' } : {}), ...copy.metadata }
    definition.setDefaults?.(copy)
    return copy
  }
  const next = complete(object)
  const errors = []
  if (old === undefined) {
    definition.prepareForCreate?.(next)
    errors.push(
      ...validateObjectMeta(next.metadata ?? {}, {
        namespaced,
        validateName: (name) => (definition.validateName ?? isDns1123Subdomain)(name, next),
        looseFinalizers: definition.looseFinalizers,
      }),
      ...(definition.validate?.(next) ?? []),
      ...(definition.validateCreate?.(next) ?? []),
    )
  } else {
    const before = complete(old)
    if (status === true) definition.prepareForStatusUpdate?.(next, before, 0)
    else definition.prepareForUpdate?.(next, before, 0)
    next.metadata = { ...next.metadata, resourceVersion: '1' }
    errors.push(...validateObjectMetaUpdate(next.metadata, before.metadata ?? {}, definition))
    if (status === true) errors.push(...(definition.validateStatusUpdate?.(next, before) ?? []))
    else errors.push(...(definition.validate?.(next) ?? []), ...(definition.validateUpdate?.(next, before) ?? []))
  }
  return errors.map(({ field, type, detail }) => `${field}: ${type.replace('FieldValue', '')}: ${detail}`)
}

const check = (title: string, rows: readonly Row[]): void => {
  describe(title, () => {
    for (const row of rows) it(row.name, () => assert.deepEqual(problemsOf(row), row.errors))
  })
}

const container = { name: 'c', image: 'a:1' }
const aPod = (spec: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [container], ...spec },
})

check('metadata', [
  {
    name: 'a finalizer of a built-in kind has a prefix or is one of Kubernetes',
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { finalizers: ['bad', 'a.io/b', 'orphan'] } },
    errors: [
      'metadata.finalizers[0]: Invalid: Invalid value: "bad": name is neither a standard finalizer name nor is it fully qualified',
    ],
  },
  {
    name: 'also in an update',
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { finalizers: ['bad'] } },
    old: { apiVersion: 'v1', kind: 'ConfigMap' },
    errors: [
      'metadata.finalizers[0]: Invalid: Invalid value: "bad": name is neither a standard finalizer name nor is it fully qualified',
    ],
  },
  {
    name: 'admission configuration is more liberal',
    object: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { finalizers: ['bad'] },
    },
    errors: [],
  },
])

const anEvent = (change: object): KubeObject => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'default' },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'a.io/b',
  reportingInstance: 'i',
  action: 'Act',
  reason: 'Because',
  type: 'Normal',
  regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
  ...change,
})

check('events', [
  { name: 'a good one', object: anEvent({}), errors: [] },
  {
    name: 'the new API wants an event time, and a known type',
    object: anEvent({ eventTime: null, type: 'Odd', deprecatedCount: 3 }),
    errors: [
      'eventTime: Required: Required value',
      'type: Invalid: Invalid value: "": has invalid value: Odd',
      'count: Invalid: Invalid value: "": needs to be unset',
    ],
  },
  {
    name: 'says who reports, and how, in few words',
    object: anEvent({ reportingController: '', action: 'a'.repeat(129), note: 'n'.repeat(1025) }),
    errors: [
      'reportingController: Required: Required value',
      'reportingController: Invalid: Invalid value: "": name part must be non-empty',
      `reportingController: Invalid: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'action: Invalid: Invalid value: "": can have at most 128 characters',
      'message: Invalid: Invalid value: "": can have at most 1024 characters',
    ],
  },
  {
    name: 'a series counts at least two',
    object: anEvent({ series: { count: 1, lastObservedTime: null } }),
    errors: [
      'series.count: Invalid: Invalid value: "": should be at least 2',
      'series.lastObservedTime: Required: Required value',
    ],
  },
  {
    name: 'only the series changes later',
    object: anEvent({ note: 'new', series: { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' } }),
    old: anEvent({ note: 'old' }),
    errors: ['message: Invalid: Invalid value: "new": field is immutable'],
  },
  {
    name: 'the old API asks for less',
    object: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', namespace: 'default' },
    },
    errors: [],
  },
  {
    name: 'without event time, it lies where its object does',
    object: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'kube-system' },
      involvedObject: { kind: 'Node' },
    },
    errors: ['involvedObject.namespace: Invalid: Invalid value: "": does not match event.namespace'],
  },
])

const aPolicy = (cidr: string, except: string): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except: [except] } }] }] },
})
const aServiceCidr = (...cidrs: string[]): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  spec: { cidrs },
})

check('networking', [
  { name: 'except is inside', object: aPolicy('10.0.0.0/8', '10.1.0.0/16'), errors: [] },
  {
    name: 'except is not inside',
    object: aPolicy('10.0.0.0/16', '11.0.0.0/24'),
    errors: [
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid: Invalid value: "11.0.0.0/24": must be a strict subset of `cidr`',
    ],
  },
  {
    name: 'a service range has no host bits',
    object: aServiceCidr('10.0.0.1/24'),
    errors: ['spec.cidrs[0]: Invalid: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length'],
  },
  {
    name: 'two service ranges are of two families',
    object: aServiceCidr('10.0.0.0/24', '10.1.0.0/24'),
    errors: [
      'spec.cidrs: Invalid: Invalid value: {"cidrs":["10.0.0.0/24","10.1.0.0/24"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  },
  {
    name: 'a second family may come later',
    object: aServiceCidr('10.0.0.0/24', 'fd00::/64'),
    old: aServiceCidr('10.0.0.0/24'),
    errors: [],
  },
  {
    name: 'but the first range stays',
    object: aServiceCidr('10.1.0.0/24'),
    old: aServiceCidr('10.0.0.0/24'),
    errors: ['spec.cidrs[0]: Invalid: Invalid value: "10.1.0.0/24": field is immutable'],
  },
  {
    name: 'a Service of type ExternalName has no address',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      spec: {
        type: 'ExternalName',
        externalName: 'a.io',
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ipFamilies: ['IPv4'],
      },
    },
    errors: [
      'spec.clusterIPs: Forbidden: Forbidden: may not be set for ExternalName services',
      'spec.ipFamilies: Forbidden: Forbidden: may not be set for ExternalName services',
    ],
  },
])

const aJob = (change: object): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { uid: 'u' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } }, ...change },
})
check('workloads', [
  { name: 'a Job with a manager', object: aJob({ managedBy: 'acme.io/foo' }), errors: [] },
  {
    name: 'whose name has no domain',
    object: aJob({ managedBy: 'foo' }),
    errors: ['spec.managedBy: Invalid: Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")'],
  },
  {
    name: 'an autoscaler with a negative tolerance',
    object: {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      spec: {
        maxReplicas: 2,
        scaleTargetRef: { kind: 'Deployment', name: 'a' },
        behavior: { scaleUp: { tolerance: '-1', policies: [{ type: 'Pods', value: 1, periodSeconds: 1 }] } },
      },
    },
    errors: ['spec.behavior.scaleUp.tolerance: Invalid: Invalid value: "-1": must be greater than or equal to 0'],
  },
])

check('pods', [
  {
    name: 'without containers',
    object: aPod({ containers: undefined }),
    errors: ['spec.containers: Required: Required value'],
  },
  {
    name: 'with /proc unmasked for the root of the node',
    object: aPod({ containers: [{ ...container, securityContext: { procMount: 'Unmasked' } }] }),
    errors: [
      'spec.containers[0].securityContext.procMount: Invalid: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
    ],
  },
  {
    name: 'with sysctls of namespaces that are the node’s',
    object: aPod({
      hostNetwork: true,
      hostIPC: true,
      securityContext: {
        sysctls: [
          { name: 'net.ipv4.tcp_syncookies', value: '1' },
          { name: 'kernel/shm_rmid_forced', value: '1' },
        ],
        supplementalGroupsPolicy: 'Some',
      },
    }),
    errors: [
      `spec.securityContext.sysctls[0].name: Invalid: Invalid value: "net.ipv4.tcp_syncookies": may not be specified when 'hostNetwork' is true`,
      `spec.securityContext.sysctls[1].name: Invalid: Invalid value: "kernel/shm_rmid_forced": may not be specified when 'hostIPC' is true`,
      'spec.securityContext.supplementalGroupsPolicy: NotSupported: Unsupported value: "Some": supported values: "Merge", "Strict"',
    ],
  },
  {
    name: 'for Windows, with what only Linux has',
    object: aPod({
      os: { name: 'windows' },
      securityContext: { runAsUser: 0 },
      containers: [{ ...container, securityContext: { privileged: false } }],
    }),
    errors: [
      'spec.securityContext.runAsUser: Forbidden: Forbidden: cannot be set for a windows pod',
      'spec.containers[0].securityContext.privileged: Forbidden: Forbidden: cannot be set for a windows pod',
    ],
  },
  {
    name: 'for Linux, with what only Windows has',
    object: aPod({
      os: { name: 'linux' },
      containers: [{ ...container, securityContext: { windowsOptions: { hostProcess: true } } }],
    }),
    errors: [
      'spec.containers[0].securityContext.windowsOptions: Forbidden: Forbidden: windows options cannot be set for a linux pod',
    ],
  },
  {
    name: 'with ephemeral containers from the start',
    object: aPod({
      ephemeralContainers: [{ name: 'e', image: 'a', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' }],
    }),
    errors: ['spec.ephemeralContainers: Forbidden: Forbidden: cannot be set on create'],
  },
])

const status = (apiVersion: string, kind: string, next: object, rest: Partial<KubeObject> = {}, old = {}): Row => ({
  name: `of a ${kind}: ${JSON.stringify(next)}`,
  object: { apiVersion, kind, ...rest, status: next },
  old: { apiVersion, kind, ...rest, status: old },
  status: true,
  errors: [],
})
const refused = (row: Row, ...errors: string[]): Row => ({ ...row, errors })

check('status', [
  status('apps/v1', 'StatefulSet', { replicas: 2, readyReplicas: 2, availableReplicas: 1 }),
  refused(
    status('apps/v1', 'StatefulSet', { replicas: 1, readyReplicas: 2 }),
    'status.readyReplicas: Invalid: Invalid value: 2: cannot be greater than status.replicas',
  ),
  refused(
    status('apps/v1', 'DaemonSet', { numberReady: -1, collisionCount: 1 }, {}, { collisionCount: 2 }),
    'status.numberReady: Invalid: Invalid value: -1: must be greater than or equal to 0',
    'status.collisionCount: Invalid: Invalid value: 1: cannot be decremented',
  ),
  refused(
    status('v1', 'ReplicationController', { replicas: 1, availableReplicas: 1 }),
    'status.availableReplicas: Invalid: Invalid value: 1: cannot be greater than readyReplicas',
  ),
  refused(
    status('batch/v1', 'Job', {
      active: 1,
      uncountedTerminatedPods: { succeeded: ['a', 'a'] },
      conditions: [{ type: 'Complete', status: 'True' }],
    }),
    'status.uncountedTerminatedPods.succeeded[1]: Duplicate: Duplicate value: "a"',
    'status.active: Invalid: Invalid value: 1: active>0 is invalid for finished job',
    'status.uncountedTerminatedPods: Invalid: Invalid value: {"succeeded":["a","a"]}: uncountedTerminatedPods needs to be empty for finished job',
    'status.completionTime: Required: Required value: completionTime is required for Complete jobs',
  ),
  refused(
    status('batch/v1', 'Job', { active: 1, ready: 2, completionTime: '2026-01-01T00:00:00Z' }),
    'status.completionTime: Invalid: Invalid value: "2026-01-01T00:00:00Z": completionTime cannot be set when there is no Complete=True condition',
    'status.ready: Invalid: Invalid value: 2: cannot set more ready pods than active',
  ),
  refused(
    status('v1', 'Namespace', { phase: 'Terminating' }),
    'status.Phase: Invalid: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ),
  refused(
    status('v1', 'Service', { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } }),
    'status.loadBalancer.ingress: Forbidden: Forbidden: may only be used when `spec.type` is "LoadBalancer"',
  ),
  refused(
    status(
      'v1',
      'Service',
      { loadBalancer: { ingress: [{ hostname: '1.2.3.4' }, { ip: 'x', ipMode: 'Odd' }] } },
      {
        spec: { type: 'LoadBalancer' },
      },
    ),
    'status.loadBalancer.ingress[0].hostname: Invalid: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    'status.loadBalancer.ingress[1].ip: Invalid: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'status.loadBalancer.ingress[1].ipMode: NotSupported: Unsupported value: "Odd": supported values: "Proxy", "VIP"',
  ),
  refused(
    status('networking.k8s.io/v1', 'Ingress', { loadBalancer: { ingress: [{ ip: 'x' }] } }),
    'status.loadBalancer.ingress[0].ip: Invalid: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ),
  refused(
    status(
      'v1',
      'PersistentVolumeClaim',
      { capacity: { storage: '-1' } },
      { spec: { accessModes: ['ReadWriteOnce'] } },
    ),
    'status.capacity[storage]: Invalid: Invalid value: -1: must be a valid resource quantity',
  ),
  refused(
    status('v1', 'Pod', { nominatedNodeName: 'a_b', podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] }),
    "status.nominatedNodeName: Invalid: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    'status.podIPs: Invalid: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family',
  ),
  refused(
    status('v1', 'ResourceQuota', { used: { pods: '1500m' } }),
    'status.used[pods]: Invalid: Invalid value: "1500m": must be an integer',
  ),
  refused(
    status('autoscaling/v2', 'HorizontalPodAutoscaler', { desiredReplicas: -1 }),
    'status.desiredReplicas: Invalid: Invalid value: -1: must be greater than or equal to 0',
  ),
  refused(
    status('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', {
      conditions: [
        { type: 'A', status: 'True' },
        { type: 'A', status: 'True' },
      ],
    }),
    'status.conditions[1].type: Duplicate: Duplicate value: "A"',
  ),
  refused(
    status('apiregistration.k8s.io/v1', 'APIService', { conditions: [{ type: 'Available', status: 'Maybe' }] }),
    'status.conditions[0].status: NotSupported: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
  ),
  refused(
    status('resource.k8s.io/v1', 'ResourceClaim', { reservedFor: [{ resource: 'pods', name: 'p', uid: '1' }] }),
    'status.reservedFor: Forbidden: Forbidden: may not be specified when `allocated` is not set',
  ),
])

const csiNode = (driver: object): KubeObject => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSINode',
  spec: { drivers: [{ name: 'a.io', nodeID: 'n', topologyKeys: [], ...driver }] },
})
const gated = (spec: object, metadata: object = {}): KubeObject =>
  aPod({ schedulingGates: [{ name: 'a.io/b' }], ...spec }, metadata)
const required = (...values: string[]): object => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: values.map((value) => ({ key: 'k', operator: 'In', values: [value] })) }],
    },
  },
})
const cronJob = (schedule: string, name = 'c'): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name },
  spec: {
    schedule,
    jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
  },
})

check('updates', [
  {
    name: 'a CSI driver may attach more volumes',
    object: csiNode({ allocatable: { count: 2 } }),
    old: csiNode({ allocatable: { count: 1 } }),
    errors: [],
  },
  {
    name: 'and stays what it is',
    object: csiNode({ nodeID: 'm' }),
    old: csiNode({}),
    errors: [
      'CSINodeDriver: Invalid: Invalid value: {"name":"a.io","nodeID":"m","topologyKeys":[]}: field is immutable',
    ],
  },
  {
    name: 'a Pod that is held back may be narrowed',
    object: gated({ nodeSelector: { a: 'b', c: 'd' }, affinity: required('x', 'y') }),
    old: gated({ nodeSelector: { a: 'b' }, affinity: required('x') }),
    errors: [],
  },
  {
    name: 'and not sent elsewhere',
    object: gated({ nodeSelector: { a: 'x' }, affinity: required('y') }),
    old: gated({ nodeSelector: { a: 'b' }, affinity: required('x') }),
    errors: [
      'spec.nodeSelector: Invalid: Invalid value: {"a":"x"}: only additions are allowed (no mutations or deletions)',
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid: Invalid value: {"matchExpressions":[{"key":"k","operator":"In","values":["y"]}]}: only additions are allowed (no mutations or deletions)',
    ],
  },
  {
    name: 'a Pod does not become a mirror of one',
    object: aPod({ nodeName: 'n' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
    old: aPod({ nodeName: 'n' }),
    errors: [
      'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: Forbidden: may not add mirror pod annotation',
    ],
  },
  {
    name: 'a schedule with a zone may stay',
    object: cronJob('TZ=UTC 0 * * * *', 'c'.repeat(60)),
    old: cronJob('TZ=UTC 1 * * * *', 'c'.repeat(60)),
    errors: [],
  },
  {
    name: 'but not come',
    object: cronJob('TZ=UTC 0 * * * *'),
    old: cronJob('0 * * * *'),
    errors: [
      'spec.schedule: Invalid: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  },
])
