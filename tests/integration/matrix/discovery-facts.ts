/**
 * What the discovery of kube-apiserver v1.36 says when it is started with no flags about APIs.
 * Facts of kubernetes/kubernetes api/discovery/*.json, less what is off by default (alpha, beta).
 */

export interface SubresourceFacts {
  readonly name: string
  readonly kind: string
  /** Where the kind's group is not the resource's. */
  readonly groupVersion?: readonly [group: string, version: string]
  readonly verbs: readonly string[]
}

export interface ResourceFacts {
  /** '' is the core group. */
  readonly group: string
  readonly version: string
  readonly name: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly string[]
  readonly subresources: readonly SubresourceFacts[]
  /** `group/version/kind` that is stored: discovery tells its hash. Undefined where nothing is stored. */
  readonly stored?: string
}

interface Extra {
  readonly short?: readonly string[]
  readonly in?: readonly string[]
  readonly verbs?: readonly string[]
  readonly stored?: string
  readonly singular?: string
  readonly sub?: Readonly<Record<string, Partial<Omit<SubresourceFacts, 'name'>>>>
}

type Entry = readonly [name: string, kind: string, scope: 'N' | 'C', extra?: Extra]

const all = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const readAndChange = ['get', 'patch', 'update']
const proxyVerbs = ['create', 'delete', 'get', 'patch', 'update']
const onlyCreate: Extra = { verbs: ['create'] }

const status = { status: {} }
const scale = { scale: { kind: 'Scale', groupVersion: ['autoscaling', 'v1'] as const } }
const proxy = (kind: string) => ({ proxy: { kind, verbs: proxyVerbs } })
const stream = (kind: string) => ({ kind, verbs: ['create', 'get'] })

const extensions: Extra = { in: ['api-extensions'] }

/** In the order of discovery; `/api` first. */
const groups: readonly (readonly [groupVersion: string, entries: readonly Entry[]])[] = [
  [
    'v1',
    [
      ['bindings', 'Binding', 'N', onlyCreate],
      ['componentstatuses', 'ComponentStatus', 'C', { short: ['cs'], verbs: ['get', 'list'] }],
      ['configmaps', 'ConfigMap', 'N', { short: ['cm'] }],
      ['endpoints', 'Endpoints', 'N', { short: ['ep'], singular: 'endpoints' }],
      ['events', 'Event', 'N', { short: ['ev'] }],
      ['limitranges', 'LimitRange', 'N', { short: ['limits'] }],
      [
        'namespaces',
        'Namespace',
        'C',
        {
          short: ['ns'],
          verbs: all.filter((verb) => verb !== 'deletecollection'),
          sub: { finalize: { verbs: ['update'] }, ...status },
        },
      ],
      ['nodes', 'Node', 'C', { short: ['no'], sub: { ...proxy('NodeProxyOptions'), ...status } }],
      ['persistentvolumeclaims', 'PersistentVolumeClaim', 'N', { short: ['pvc'], sub: status }],
      ['persistentvolumes', 'PersistentVolume', 'C', { short: ['pv'], sub: status }],
      [
        'pods',
        'Pod',
        'N',
        {
          short: ['po'],
          in: ['all'],
          sub: {
            attach: stream('PodAttachOptions'),
            binding: { kind: 'Binding', verbs: ['create'] },
            ephemeralcontainers: {},
            eviction: { kind: 'Eviction', groupVersion: ['policy', 'v1'], verbs: ['create'] },
            exec: stream('PodExecOptions'),
            log: { verbs: ['get'] },
            portforward: stream('PodPortForwardOptions'),
            ...proxy('PodProxyOptions'),
            resize: {},
            ...status,
          },
        },
      ],
      ['podtemplates', 'PodTemplate', 'N'],
      [
        'replicationcontrollers',
        'ReplicationController',
        'N',
        { short: ['rc'], in: ['all'], sub: { ...scale, ...status } },
      ],
      ['resourcequotas', 'ResourceQuota', 'N', { short: ['quota'], sub: status }],
      ['secrets', 'Secret', 'N'],
      [
        'serviceaccounts',
        'ServiceAccount',
        'N',
        {
          short: ['sa'],
          sub: { token: { kind: 'TokenRequest', groupVersion: ['authentication.k8s.io', 'v1'], verbs: ['create'] } },
        },
      ],
      [
        'services',
        'Service',
        'N',
        { short: ['svc'], in: ['all'], sub: { ...proxy('ServiceProxyOptions'), ...status } },
      ],
    ],
  ],
  ['apiregistration.k8s.io/v1', [['apiservices', 'APIService', 'C', { ...extensions, sub: status }]]],
  [
    'apps/v1',
    [
      ['controllerrevisions', 'ControllerRevision', 'N'],
      ['daemonsets', 'DaemonSet', 'N', { short: ['ds'], in: ['all'], sub: status }],
      ['deployments', 'Deployment', 'N', { short: ['deploy'], in: ['all'], sub: { ...scale, ...status } }],
      ['replicasets', 'ReplicaSet', 'N', { short: ['rs'], in: ['all'], sub: { ...scale, ...status } }],
      ['statefulsets', 'StatefulSet', 'N', { short: ['sts'], in: ['all'], sub: { ...scale, ...status } }],
    ],
  ],
  ['events.k8s.io/v1', [['events', 'Event', 'N', { short: ['ev'], stored: '/v1/Event' }]]],
  [
    'authentication.k8s.io/v1',
    [
      ['selfsubjectreviews', 'SelfSubjectReview', 'C', onlyCreate],
      ['tokenreviews', 'TokenReview', 'C', onlyCreate],
    ],
  ],
  [
    'authorization.k8s.io/v1',
    [
      ['localsubjectaccessreviews', 'LocalSubjectAccessReview', 'N', onlyCreate],
      ['selfsubjectaccessreviews', 'SelfSubjectAccessReview', 'C', onlyCreate],
      ['selfsubjectrulesreviews', 'SelfSubjectRulesReview', 'C', onlyCreate],
      ['subjectaccessreviews', 'SubjectAccessReview', 'C', onlyCreate],
    ],
  ],
  [
    'autoscaling/v2',
    [['horizontalpodautoscalers', 'HorizontalPodAutoscaler', 'N', { short: ['hpa'], in: ['all'], sub: status }]],
  ],
  [
    'autoscaling/v1',
    [
      [
        'horizontalpodautoscalers',
        'HorizontalPodAutoscaler',
        'N',
        { short: ['hpa'], in: ['all'], sub: status, stored: 'autoscaling/v2/HorizontalPodAutoscaler' },
      ],
    ],
  ],
  [
    'batch/v1',
    [
      ['cronjobs', 'CronJob', 'N', { short: ['cj'], in: ['all'], sub: status }],
      ['jobs', 'Job', 'N', { in: ['all'], sub: status }],
    ],
  ],
  [
    'certificates.k8s.io/v1',
    [
      [
        'certificatesigningrequests',
        'CertificateSigningRequest',
        'C',
        { short: ['csr'], sub: { approval: {}, ...status } },
      ],
    ],
  ],
  [
    'networking.k8s.io/v1',
    [
      ['ingressclasses', 'IngressClass', 'C'],
      ['ingresses', 'Ingress', 'N', { short: ['ing'], sub: status }],
      ['ipaddresses', 'IPAddress', 'C', { short: ['ip'] }],
      ['networkpolicies', 'NetworkPolicy', 'N', { short: ['netpol'] }],
      ['servicecidrs', 'ServiceCIDR', 'C', { sub: status }],
    ],
  ],
  ['policy/v1', [['poddisruptionbudgets', 'PodDisruptionBudget', 'N', { short: ['pdb'], sub: status }]]],
  [
    'rbac.authorization.k8s.io/v1',
    [
      ['clusterrolebindings', 'ClusterRoleBinding', 'C'],
      ['clusterroles', 'ClusterRole', 'C'],
      ['rolebindings', 'RoleBinding', 'N'],
      ['roles', 'Role', 'N'],
    ],
  ],
  [
    'storage.k8s.io/v1',
    [
      ['csidrivers', 'CSIDriver', 'C'],
      ['csinodes', 'CSINode', 'C'],
      ['csistoragecapacities', 'CSIStorageCapacity', 'N'],
      ['storageclasses', 'StorageClass', 'C', { short: ['sc'] }],
      ['volumeattachments', 'VolumeAttachment', 'C', { sub: status }],
      ['volumeattributesclasses', 'VolumeAttributesClass', 'C', { short: ['vac'] }],
    ],
  ],
  [
    'admissionregistration.k8s.io/v1',
    [
      ['mutatingadmissionpolicies', 'MutatingAdmissionPolicy', 'C', extensions],
      ['mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding', 'C', extensions],
      ['mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', 'C', extensions],
      ['validatingadmissionpolicies', 'ValidatingAdmissionPolicy', 'C', { ...extensions, sub: status }],
      ['validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', 'C', extensions],
      ['validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', 'C', extensions],
    ],
  ],
  [
    'apiextensions.k8s.io/v1',
    [
      [
        'customresourcedefinitions',
        'CustomResourceDefinition',
        'C',
        { ...extensions, short: ['crd', 'crds'], sub: status },
      ],
    ],
  ],
  ['scheduling.k8s.io/v1', [['priorityclasses', 'PriorityClass', 'C', { short: ['pc'] }]]],
  ['coordination.k8s.io/v1', [['leases', 'Lease', 'N']]],
  ['node.k8s.io/v1', [['runtimeclasses', 'RuntimeClass', 'C']]],
  ['discovery.k8s.io/v1', [['endpointslices', 'EndpointSlice', 'N']]],
  [
    'resource.k8s.io/v1',
    [
      ['deviceclasses', 'DeviceClass', 'C'],
      ['resourceclaims', 'ResourceClaim', 'N', { sub: status }],
      ['resourceclaimtemplates', 'ResourceClaimTemplate', 'N'],
      ['resourceslices', 'ResourceSlice', 'C'],
    ],
  ],
  [
    'flowcontrol.apiserver.k8s.io/v1',
    [
      ['flowschemas', 'FlowSchema', 'C', { sub: status }],
      ['prioritylevelconfigurations', 'PriorityLevelConfiguration', 'C', { sub: status }],
    ],
  ],
]

const factsOf = (groupVersion: string, [name, kind, scope, extra = {}]: Entry): ResourceFacts => {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion]
  const verbs = extra.verbs ?? all
  const stored = extra.stored ?? `${group}/${version}/${kind}`
  return {
    group: group ?? '',
    version: version ?? '',
    name,
    kind,
    singular: extra.singular ?? kind.toLowerCase(),
    namespaced: scope === 'N',
    shortNames: extra.short ?? [],
    categories: extra.in ?? [],
    verbs,
    subresources: Object.entries(extra.sub ?? {}).map(([subresource, facts]) => ({
      name: subresource,
      kind,
      verbs: readAndChange,
      ...facts,
    })),
    ...(verbs.includes('watch') ? { stored } : {}),
  }
}

/** Every resource of a server as it comes, in the order of discovery. */
export const resourceFacts: readonly ResourceFacts[] = groups.flatMap(([groupVersion, entries]) =>
  entries.map((entry) => factsOf(groupVersion, entry)),
)
