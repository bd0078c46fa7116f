/** KubeSchedulerConfiguration v1 with its defaults. */

export interface PluginRef {
  readonly name: string
  readonly weight?: number
}

export interface PluginSet {
  readonly enabled?: readonly PluginRef[]
  readonly disabled?: readonly PluginRef[]
}

export interface ResourceSpec {
  readonly name: string
  readonly weight: number
}

export interface ShapePoint {
  readonly utilization: number
  readonly score: number
}

export interface PluginConfig {
  readonly name: string
  /** Decoded and defaulted for the default plugins, as it stands in the file for others. */
  readonly args?: Readonly<Record<string, unknown>>
}

export interface ProfileSpec {
  readonly schedulerName: string
  readonly percentageOfNodesToScore?: number
  /** By extension point, and `multiPoint`. */
  readonly plugins: Readonly<Record<string, PluginSet>>
  readonly pluginConfig: readonly PluginConfig[]
}

export interface ExtenderTls {
  readonly insecure?: boolean
  readonly serverName?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly caFile?: string
  /** Base64. */
  readonly certData?: string
  readonly keyData?: string
  readonly caData?: string
}

export interface ExtenderSpec {
  readonly urlPrefix?: string
  readonly filterVerb?: string
  readonly preemptVerb?: string
  readonly prioritizeVerb?: string
  readonly bindVerb?: string
  readonly weight?: number
  readonly enableHTTPS?: boolean
  readonly tlsConfig?: ExtenderTls
  /** Go's text, `5s`. */
  readonly httpTimeout?: string
  readonly nodeCacheCapable?: boolean
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[]
  readonly ignorable?: boolean
}

export interface KubeSchedulerConfiguration {
  readonly apiVersion: 'kubescheduler.config.k8s.io/v1'
  readonly kind: 'KubeSchedulerConfiguration'
  readonly parallelism: number
  readonly leaderElection: {
    readonly leaderElect: boolean
    readonly leaseDuration: string
    readonly renewDeadline: string
    readonly retryPeriod: string
    readonly resourceLock: string
    readonly resourceName: string
    readonly resourceNamespace: string
  }
  readonly clientConnection: {
    readonly kubeconfig: string
    readonly acceptContentTypes: string
    readonly contentType: string
    /** 0: no limit. */
    readonly qps: number
    readonly burst: number
  }
  readonly enableProfiling: boolean
  readonly enableContentionProfiling: boolean
  readonly percentageOfNodesToScore: number
  readonly podInitialBackoffSeconds: number
  readonly podMaxBackoffSeconds: number
  readonly profiles: readonly ProfileSpec[]
  readonly extenders: readonly ExtenderSpec[]
  readonly delayCacheUntilActive: boolean
}
