/** The fields of kubescheduler.config.k8s.io/v1, for strict decoding. */
import type { Shape } from '../../component-base/config/decode-config.ts'
import { extensionPoints } from '../profiles.ts'

const list = (shape: Shape): Shape => ({ list: shape })
const fields = (shapes: Readonly<Record<string, Shape>>): Shape => ({ fields: shapes })

const pluginSet = fields({
  enabled: list(fields({ name: 'string', weight: 'int' })),
  disabled: list(fields({ name: 'string', weight: 'int' })),
})

/** Extension points in `plugins`; multiPoint stands for all that a plugin has. */
const plugins = fields(
  Object.fromEntries(['multiPoint', ...Object.keys(extensionPoints)].map((point) => [point, pluginSet])),
)

const extender = fields({
  urlPrefix: 'string',
  filterVerb: 'string',
  preemptVerb: 'string',
  prioritizeVerb: 'string',
  weight: 'int',
  bindVerb: 'string',
  enableHTTPS: 'bool',
  tlsConfig: fields({
    insecure: 'bool',
    serverName: 'string',
    certFile: 'string',
    keyFile: 'string',
    caFile: 'string',
    certData: 'string',
    keyData: 'string',
    caData: 'string',
  }),
  httpTimeout: 'duration',
  nodeCacheCapable: 'bool',
  managedResources: list(fields({ name: 'string', ignoredByScheduler: 'bool' })),
  ignorable: 'bool',
})

/** Of the document; `args` of plugins are decoded by their kinds. */
export const configurationFields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  parallelism: 'int',
  leaderElection: fields({
    leaderElect: 'bool',
    leaseDuration: 'duration',
    renewDeadline: 'duration',
    retryPeriod: 'duration',
    resourceLock: 'string',
    resourceName: 'string',
    resourceNamespace: 'string',
  }),
  clientConnection: fields({
    kubeconfig: 'string',
    acceptContentTypes: 'string',
    contentType: 'string',
    qps: 'any',
    burst: 'int',
  }),
  enableProfiling: 'bool',
  enableContentionProfiling: 'bool',
  percentageOfNodesToScore: 'int',
  podInitialBackoffSeconds: 'int',
  podMaxBackoffSeconds: 'int',
  profiles: list(
    fields({
      schedulerName: 'string',
      percentageOfNodesToScore: 'int',
      plugins,
      pluginConfig: list(fields({ name: 'string', args: 'any' })),
    }),
  ),
  extenders: list(extender),
  delayCacheUntilActive: 'bool',
}

const typeMeta = { apiVersion: 'string', kind: 'string' } as const
const shape: Shape = list(fields({ utilization: 'int', score: 'int' }))
const resources: Shape = list(fields({ name: 'string', weight: 'int' }))

/** Of the arguments of each plugin that has some, by its name. */
export const argsFields: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  DefaultPreemption: { ...typeMeta, minCandidateNodesPercentage: 'int', minCandidateNodesAbsolute: 'int' },
  DynamicResources: { ...typeMeta, filterTimeout: 'duration', bindingTimeout: 'duration' },
  InterPodAffinity: { ...typeMeta, hardPodAffinityWeight: 'int', ignorePreferredTermsOfExistingPods: 'bool' },
  NodeAffinity: { ...typeMeta, addedAffinity: 'any' },
  NodeResourcesBalancedAllocation: { ...typeMeta, resources },
  NodeResourcesFit: {
    ...typeMeta,
    ignoredResources: list('string'),
    ignoredResourceGroups: list('string'),
    scoringStrategy: fields({ type: 'string', resources, requestedToCapacityRatio: fields({ shape }) }),
  },
  PodTopologySpread: { ...typeMeta, defaultConstraints: list('any'), defaultingType: 'string' },
  VolumeBinding: { ...typeMeta, bindTimeoutSeconds: 'int', shape },
}
