export interface ExtensionServerConfig {
  readonly kubeconfig: string
  readonly host: string
  readonly port: number
  readonly certPem: string
  readonly keyPem: string
  readonly group: string
  readonly version: string
  /** A server of some years ago: without APIGroupDiscoveryList and without OpenAPI of version 3. */
  readonly older: boolean
}
