/** The objects and servers that the tests of proxies share. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCa, issueCertificate } from '../../../component-base/pki/certificates.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import { type Backend, startBackend } from './backend.ts'
import { createProxyClient, type ProxyClient } from './client.ts'

export const pods = '/api/v1/namespaces/default/pods'
export const services = '/api/v1/namespaces/default/services'
export const nodes = '/api/v1/nodes'
/** The Pod `web` at the plain backend. */
export const web = `${pods}/web/proxy`

export interface World extends AsyncDisposable {
  readonly cluster: TestCluster
  readonly client: ProxyClient
  readonly http: Http
  readonly plain: Backend
  readonly tls: Backend
  readonly kubelet: Backend
}

const post = async (http: Http, path: string, body: object): Promise<void> => {
  const { code, text } = await http(path, { method: 'POST', body })
  if (code !== 201) throw new Error(`POST ${path}: ${code} ${text}`)
}

/** Creates a Pod that no node runs and no scheduler sees, and gives it an address. */
export const createPod = async (
  http: Http,
  name: string,
  ip: string,
  port?: number,
  more: object = {},
): Promise<void> => {
  const ports = port === undefined ? [] : [{ containerPort: port, name: 'web' }]
  await post(http, pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { schedulerName: 'nobody', containers: [{ name: 'c', image: 'none:1', ports }], ...more },
  })
  const conditions = [{ type: 'Ready', status: 'True' }]
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions }
  const patched = await http(`${pods}/${name}/status`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { status },
  })
  if (patched.code !== 200) throw new Error(patched.text)
}

/** Creates a Node whose kubelet is at `host:port`. */
export const createNode = (http: Http, name: string, host: string, port: number): Promise<void> =>
  post(http, nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    status: {
      addresses: host === '' ? [] : [{ type: 'InternalIP', address: host }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  })

export const createService = (http: Http, name: string, spec: object): Promise<void> =>
  post(http, services, { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })

const waitForEndpoints = (http: Http, name: string): Promise<unknown> =>
  waitFor(async () => (await http(`/api/v1/namespaces/default/endpoints/${name}`)).text.includes('"addresses":'), {
    what: `endpoints of ${name}`,
  })

/** `host` is where the backends of Pods listen: an address that the API server goes to. */
export const createWorld = async (cluster: TestCluster, host: string): Promise<World> => {
  const http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
  const read = (name: string): string => readFileSync(join(cluster.layout.pki, name), 'utf8')
  const ca = { certPem: read('ca.crt'), keyPem: read('ca.key') }
  const stranger = await issueCertificate(await createCa('stranger'), { commonName: 's', usages: ['server'], days: 1 })
  const kubeletPair = await issueCertificate(ca, {
    commonName: 'system:node:fake',
    ips: ['127.0.0.1'],
    usages: ['server'],
    days: 1,
  })
  const plain = await startBackend(host)
  const tls = await startBackend(host, { cert: stranger.certPem, key: stranger.keyPem })
  const kubelet = await startBackend('127.0.0.1', {
    cert: kubeletPair.certPem,
    key: kubeletPair.keyPem,
    ca: ca.certPem,
    requestCert: true,
  })
  await createPod(http, 'web', host, plain.port)
  await createPod(http, 'secure', host, tls.port)
  await createService(http, 'web', {
    selector: { app: 'web' },
    ports: [
      { name: 'first', port: 80, targetPort: 'web' },
      { name: 'second', port: 8080, targetPort: plain.port },
    ],
  })
  await createService(http, 'single', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: plain.port }] })
  await createService(http, 'secure', {
    selector: { app: 'secure' },
    ports: [{ name: 'tls', port: 443, targetPort: tls.port }],
  })
  await createNode(http, 'fake', '127.0.0.1', kubelet.port)
  for (const name of ['web', 'single', 'secure']) await waitForEndpoints(http, name)
  return {
    cluster,
    client: createProxyClient(cluster),
    http,
    plain,
    tls,
    kubelet,
    [Symbol.asyncDispose]: async () => {
      for (const backend of [plain, tls, kubelet]) await backend[Symbol.asyncDispose]()
    },
  }
}
