/** What a KubeSchedulerConfiguration means that leaves things out. Upstream: pkg/scheduler/apis/config/v1/defaults.go. */
import { defaultPlugins } from '../plugins/index.ts'
import { extensionPoints } from '../profiles.ts'
import { mergePluginSet } from './plugin-sets.ts'
import type {
  ExtenderSpec,
  KubeSchedulerConfiguration,
  PluginConfig,
  PluginSet,
  ProfileSpec,
  ResourceSpec,
} from './types.ts'

type Args = Readonly<Record<string, unknown>>

export const apiVersion = 'kubescheduler.config.k8s.io/v1'

const cpuAndMemory: readonly ResourceSpec[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
]

const resourcesOf = (given: unknown): readonly ResourceSpec[] =>
  Array.isArray(given) && given.length > 0
    ? (given as ResourceSpec[]).map(({ name, weight }) => ({ name, weight: weight || 1 }))
    : cpuAndMemory

/** Fills in the arguments of the plugins that have some. */
const argsDefaults: Readonly<Record<string, (args: Args) => Args>> = {
  DefaultPreemption: (args) => ({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100, ...args }),
  DynamicResources: (args) => ({ filterTimeout: '10s', bindingTimeout: '10m0s', ...args }),
  InterPodAffinity: (args) => ({ hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false, ...args }),
  NodeAffinity: (args) => args,
  NodeResourcesBalancedAllocation: (args) => ({ ...args, resources: resourcesOf(args['resources']) }),
  NodeResourcesFit: (args) => {
    const strategy = (args['scoringStrategy'] ?? { type: 'LeastAllocated' }) as Args
    return { ...args, scoringStrategy: { ...strategy, resources: resourcesOf(strategy['resources']) } }
  },
  PodTopologySpread: (args) => ({ ...args, defaultingType: args['defaultingType'] || 'System' }),
  VolumeBinding: (args) => ({ bindTimeoutSeconds: 600, ...args }),
}

/** A default plugin's arguments with their kind; undefined for plugins without arguments. */
export const defaultArgs = (name: string, args: Args = {}): Args | undefined => {
  const complete = argsDefaults[name]
  return complete === undefined ? undefined : { apiVersion, kind: `${name}Args`, ...complete(args) }
}

const defaultSet: PluginSet = {
  enabled: defaultPlugins.map(({ name, weight }) => ({ name, ...(weight === undefined ? {} : { weight }) })),
}

/** A profile as it stands in the file. */
export interface GivenProfile {
  readonly schedulerName?: string
  readonly percentageOfNodesToScore?: number
  readonly plugins?: Readonly<Record<string, PluginSet>>
  readonly pluginConfig?: readonly PluginConfig[]
}

/** A file's document; all that is left out has a default. */
export type GivenConfiguration = {
  readonly [Key in Exclude<keyof KubeSchedulerConfiguration, 'profiles' | 'extenders'>]?: Partial<
    KubeSchedulerConfiguration[Key]
  >
} & { readonly profiles?: readonly GivenProfile[]; readonly extenders?: readonly ExtenderSpec[] }

const completeProfile = (given: GivenProfile, schedulerName: string): ProfileSpec => {
  const sets = ['multiPoint', ...Object.keys(extensionPoints)].map((point): [string, PluginSet] => {
    const custom = given.plugins?.[point]
    return [point, point === 'multiPoint' ? mergePluginSet(defaultSet, custom) : mergePluginSet({}, custom)]
  })
  const plugins = Object.fromEntries(sets)
  const configured = (given.pluginConfig ?? []).map(({ name, args }): PluginConfig => {
    const complete = defaultArgs(name, args) ?? args
    return complete === undefined ? { name } : { name, args: complete }
  })
  const names = new Set(Object.values(plugins).flatMap(({ enabled = [] }) => enabled.map(({ name }) => name)))
  const rest = [...names].sort().flatMap((name): PluginConfig[] => {
    const args = configured.some((config) => config.name === name) ? undefined : defaultArgs(name)
    return args === undefined ? [] : [{ name, args }]
  })
  return {
    schedulerName,
    ...(given.percentageOfNodesToScore === undefined
      ? {}
      : { percentageOfNodesToScore: given.percentageOfNodesToScore }),
    plugins,
    pluginConfig: [...configured, ...rest],
  }
}

/** Other than upstream's, requests are not limited by default: API Priority and Fairness is what protects the server. */
export const completeConfiguration = (given: GivenConfiguration): KubeSchedulerConfiguration => {
  const profiles: readonly GivenProfile[] =
    given.profiles === undefined || given.profiles.length === 0 ? [{}] : given.profiles
  const onlyName = profiles.length === 1 ? 'default-scheduler' : ''
  return {
    apiVersion,
    kind: 'KubeSchedulerConfiguration',
    parallelism: given.parallelism ?? 16,
    leaderElection: {
      leaderElect: given.leaderElection?.leaderElect ?? true,
      leaseDuration: given.leaderElection?.leaseDuration ?? '15s',
      renewDeadline: given.leaderElection?.renewDeadline ?? '10s',
      retryPeriod: given.leaderElection?.retryPeriod ?? '2s',
      resourceLock: given.leaderElection?.resourceLock || 'leases',
      resourceName: given.leaderElection?.resourceName || 'kube-scheduler',
      resourceNamespace: given.leaderElection?.resourceNamespace || 'kube-system',
    },
    clientConnection: {
      kubeconfig: given.clientConnection?.kubeconfig ?? '',
      acceptContentTypes: given.clientConnection?.acceptContentTypes ?? '',
      contentType: given.clientConnection?.contentType || 'application/json',
      qps: given.clientConnection?.qps ?? 0,
      burst: given.clientConnection?.burst ?? 0,
    },
    enableProfiling: given.enableProfiling ?? true,
    enableContentionProfiling: given.enableContentionProfiling ?? given.enableProfiling ?? true,
    percentageOfNodesToScore: given.percentageOfNodesToScore ?? 0,
    podInitialBackoffSeconds: given.podInitialBackoffSeconds ?? 1,
    podMaxBackoffSeconds: given.podMaxBackoffSeconds ?? 10,
    profiles: profiles.map((profile) => completeProfile(profile, profile.schedulerName ?? onlyName)),
    extenders: given.extenders ?? [],
    delayCacheUntilActive: given.delayCacheUntilActive ?? false,
  }
}
