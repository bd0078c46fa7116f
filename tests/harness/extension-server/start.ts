/** Extension API servers as processes of their own, with a Service and an APIService that lead to them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import type { APIService, EndpointSlice, Service } from '../../../api/types.ts'
import { restartablePort } from '../../../testing/ports.ts'
import type { TestCluster } from '../cluster.ts'
import type { ExtensionServerConfig } from './config.ts'

export interface ExtensionServer extends AsyncDisposable {
  readonly group: string
  readonly version: string
  /** Objects that lead to it: what `kubectl apply` takes. */
  readonly objects: readonly [Service, EndpointSlice, APIService]
  readonly start: () => Promise<void>
  /** kill -9; resolves when it is gone. */
  readonly kill: () => Promise<void>
}

export interface ExtensionServerOptions {
  readonly group: string
  readonly version?: string
  /** An address that is no loopback. */
  readonly host: string
  readonly older?: boolean
  readonly groupPriority?: number
}

const namespace = 'default'

/** Nothing runs and nothing is created yet. */
export const createExtensionServer = async (
  cluster: TestCluster,
  { group, version = 'v1alpha1', host, older = false, groupPriority = 2000 }: ExtensionServerOptions,
): Promise<ExtensionServer> => {
  const name = group.split('.')[0] ?? group
  const ca = await createCa('extension-ca')
  const { certPem, keyPem } = await issueCertificate(ca, {
    commonName: name,
    usages: ['server'],
    dnsNames: [`${name}.${namespace}.svc`],
    ips: [],
    days: 1,
  })
  const config: ExtensionServerConfig = {
    kubeconfig: cluster.layout.adminConf,
    host,
    port: await restartablePort(),
    certPem,
    keyPem,
    group,
    version,
    older,
  }
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ name: 'https', port: 443, targetPort: config.port }] },
  }
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: 'https', port: config.port, protocol: 'TCP' }],
  }
  const apiService: APIService = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `${version}.${group}` },
    spec: {
      group,
      version,
      groupPriorityMinimum: groupPriority,
      versionPriority: 15,
      service: { name, namespace },
      caBundle: Buffer.from(ca.certPem).toString('base64'),
    },
  }
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = new Promise<void>((resolve) => running.once('close', () => resolve()))
    running.kill('SIGKILL')
    await gone
  }
  const start = async (): Promise<void> => {
    const main = new URL('./main.ts', import.meta.url).pathname
    const started = spawn(process.execPath, [main, JSON.stringify(config)], { stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    let errors = ''
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: started.stdout }).once('line', () => resolve())
      started.once('close', () => reject(new Error(`the extension server ended: ${errors}`)))
    })
  }
  return { group, version, objects: [service, slice, apiService], start, kill, [Symbol.asyncDispose]: kill }
}
