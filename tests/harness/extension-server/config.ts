export interface ExtensionServerConfig {
  readonly kubeconfig: string
  readonly host: string
  readonly port: number
  readonly certPem: string
  readonly keyPem: string
  readonly group: string
  readonly version: string
  /** Whether it has APIGroupDiscoveryList, or the older documents alone. */
  readonly aggregatedDiscovery: boolean
}
