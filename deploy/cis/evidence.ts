/** All that the checks look at: the running processes of a cluster, its files, its doors and its API. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { type ClusterConfig, loadClusterConfig, nodesOf } from '../cluster-config.ts'
import type { Layout, NodeLayout } from '../layout.ts'
import { running } from '../process-table.ts'
import { loadRbac, type RbacObjects } from './policies/rbac-objects.ts'
import { ask, type Credentials } from './probe.ts'
import { inspectProcess, type ProcessEvidence } from './process-evidence.ts'

type Configuration = Readonly<Record<string, unknown>>

export interface NodeEvidence {
  readonly name: string
  readonly address: string
  readonly paths: NodeLayout
  readonly kubelet: ProcessEvidence
  readonly proxy: ProcessEvidence
  /** What the kubelet says its configuration is (/configz). */
  readonly configuration: () => Promise<Configuration>
}

export interface Evidence {
  readonly layout: Layout
  readonly config: ClusterConfig
  readonly apiServer: ProcessEvidence
  readonly controllerManager: ProcessEvidence
  readonly scheduler: ProcessEvidence
  /** Undefined where the cluster uses an etcd that somebody else runs. */
  readonly etcd: ProcessEvidence | undefined
  readonly nodes: readonly NodeEvidence[]
  /** Roles and bindings, as they are now. */
  readonly rbac: () => Promise<RbacObjects>
  /** As the administrator. */
  readonly api: RestClient
  /** `https://127.0.0.1:6443` */
  readonly server: string
  /** A certificate of the cluster's, by its name under `pki/`. */
  readonly credentials: (name: string) => Credentials
}

const processOf = (layout: Layout, name: string): ProcessEvidence => {
  const record = running(layout.run, name)
  if (record === undefined) throw new Error(`${name} does not run: npm start`)
  return inspectProcess(name, record.pid)
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const read = (path: string): string => readFileSync(path, 'utf8')

const knownAddresses = (layout: Layout): Map<string, string> =>
  new Map(Object.entries(JSON.parse(read(join(layout.run, 'addresses.json'))) as Record<string, string>))

/** Looks at a cluster that `npm start` made. Throws if there is none, or if a part of it does not run. */
export const gatherEvidence = (layout: Layout): Evidence => {
  if (!existsSync(layout.clusterFile)) throw new Error(`no cluster in ${layout.root}: npm start`)
  const config = loadClusterConfig(layout.clusterFile)
  const credentials = (name: string): Credentials => ({
    cert: read(join(layout.pki, `${name}.crt`)),
    key: read(join(layout.pki, `${name}.key`)),
  })
  const nodes = nodesOf(config, knownAddresses(layout)).map(({ name, address }): NodeEvidence => {
    const kubelet = processOf(layout, `${name}-kubelet`)
    return {
      name,
      address,
      paths: layout.node(name),
      kubelet,
      proxy: processOf(layout, `${name}-kube-proxy`),
      configuration: once(async () => {
        const { code, text } = await ask(`https://${address}:10250/configz`, credentials('apiserver-kubelet-client'))
        if (code !== 200) throw new Error(`the kubelet of ${name} does not tell its configuration: ${code}`)
        return (JSON.parse(text) as { kubeletconfig: Configuration }).kubeletconfig
      }),
    }
  })
  const evidence: Evidence = {
    layout,
    config,
    apiServer: processOf(layout, 'kube-apiserver'),
    controllerManager: processOf(layout, 'kube-controller-manager'),
    scheduler: processOf(layout, 'kube-scheduler'),
    etcd: config.controlPlane.externalEtcd === undefined ? processOf(layout, 'etcd') : undefined,
    nodes,
    rbac: () => loadRbac(evidence),
    api: createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-cis' }),
    server: `https://127.0.0.1:${config.controlPlane.apiServerPort}`,
    credentials,
  }
  return evidence
}

/** A YAML file, as far as it is a mapping. */
export const readYaml = (path: string): Configuration => {
  const document = load(read(path))
  return typeof document === 'object' && document !== null ? (document as Configuration) : {}
}
