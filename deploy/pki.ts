/** The certificates and kubeconfigs of a cluster, under kubeadm's names. Made once, kept, renewed when near their end. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { CertificatePair } from '../component-base/pki/certificates.ts'
import { writeKubeconfig, writeTokenKubeconfig } from '../component-base/pki/kubeconfig.ts'
import { type CertificateSpec, ensureCertificateFrom, ensurePki } from '../component-base/pki/store.ts'
import { ensureBootstrapToken, nodeServer, tokenText } from './bootstrap-token.ts'
import { addressesAt } from './cidr.ts'
import type { ClusterConfig, NodeConfig } from './cluster-config.ts'
import { ensureEncryptionConfig } from './encryption.ts'
import type { Layout } from './layout.ts'
import { hostAddresses } from './network.ts'

const days = 365

const client = (
  file: string,
  ca: string,
  commonName: string,
  organizations: readonly string[] = [],
): CertificateSpec => ({
  file,
  ca,
  commonName,
  organizations,
  usages: ['client'],
  days,
})

const controlPlaneCertificates = (config: ClusterConfig): CertificateSpec[] => {
  const { dnsDomain, serviceCIDR } = config.networking
  const local = { dnsNames: ['localhost', hostname()], ips: ['127.0.0.1', ...hostAddresses(config)] }
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${dnsDomain}`]
  return [
    {
      file: 'apiserver',
      ca: 'ca',
      commonName: 'kube-apiserver',
      dnsNames: [...service, ...local.dnsNames],
      ips: [...addressesAt(serviceCIDR, 1), ...local.ips],
      usages: ['server'],
      days,
    },
    client('apiserver-kubelet-client', 'ca', 'kube-apiserver-kubelet-client'),
    client('front-proxy-client', 'front-proxy-ca', 'front-proxy-client'),
    { file: 'etcd/server', ca: 'etcd/ca', commonName: 'etcd-0', ...local, usages: ['server', 'client'], days },
    { file: 'etcd/peer', ca: 'etcd/ca', commonName: 'etcd-0', ...local, usages: ['server', 'client'], days },
    client('etcd/healthcheck-client', 'etcd/ca', 'kube-etcd-healthcheck-client'),
    client('apiserver-etcd-client', 'etcd/ca', 'kube-apiserver-etcd-client'),
    client('admin', 'ca', 'kubernetes-admin', ['kubeadm:cluster-admins']),
    client('super-admin', 'ca', 'kubernetes-super-admin', ['system:masters']),
    client('controller-manager', 'ca', 'system:kube-controller-manager'),
    client('scheduler', 'ca', 'system:kube-scheduler'),
    client('metrics-server-client', 'ca', 'system:metrics-server'),
    client('ingress-controller', 'ca', 'kubets:ingress-controller'),
    {
      file: 'metrics-server',
      ca: 'ca',
      commonName: 'metrics-server',
      dnsNames: ['metrics-server.kube-system.svc', ...local.dnsNames],
      ips: local.ips,
      usages: ['server'],
      days,
    },
  ]
}

interface Identity {
  readonly config: ClusterConfig
  readonly layout: Layout
  readonly user: string
  readonly server: string
  readonly pair: CertificatePair
}

const kubeconfig = (path: string, { config, layout, user, server, pair }: Identity): void => {
  const caPem = readFileSync(join(layout.pki, 'ca.crt'), 'utf8')
  writeKubeconfig(path, { cluster: config.name, user, server, caPem, ...pair })
}

/** Everything that the control plane and the administrator need. */
export const ensureClusterPki = async (config: ClusterConfig, layout: Layout): Promise<void> => {
  const pairs = await ensurePki(layout.pki, {
    authorities: [
      { file: 'ca', commonName: 'kubernetes' },
      { file: 'front-proxy-ca', commonName: 'front-proxy-ca' },
      { file: 'etcd/ca', commonName: 'etcd-ca' },
    ],
    keyPairs: ['sa'],
    certificates: controlPlaneCertificates(config),
  })
  ensureEncryptionConfig(layout)
  const server = `https://127.0.0.1:${config.controlPlane.apiServerPort}`
  const users = [
    { file: 'controller-manager', path: layout.controllerManagerConf, user: 'system:kube-controller-manager' },
    { file: 'scheduler', path: layout.schedulerConf, user: 'system:kube-scheduler' },
    { file: 'metrics-server-client', path: layout.metricsServerConf, user: 'system:metrics-server' },
    { file: 'ingress-controller', path: layout.ingressConf, user: 'kubets:ingress-controller' },
    { file: 'super-admin', path: layout.superAdminConf, user: 'kubernetes-super-admin' },
    { file: 'admin', path: layout.adminConf, user: 'kubernetes-admin' },
  ]
  for (const { file, path, user } of users) {
    const pair = pairs.get(file)
    if (pair !== undefined) kubeconfig(path, { config, layout, user, server, pair })
  }
}

/**
 * A node's identities: the token with which its kubelet joins, and its proxy. The kubelet asks the cluster for its own
 * certificates. The CA is named by its file, so that a kubelet follows when that changes.
 */
export const ensureNodePki = async (
  config: ClusterConfig,
  layout: Layout,
  node: Pick<NodeConfig, 'name'>,
): Promise<void> => {
  const paths = layout.node(node.name)
  const caFile = join(layout.pki, 'ca.crt')
  const ca: CertificatePair = {
    certPem: readFileSync(caFile, 'utf8'),
    keyPem: readFileSync(join(layout.pki, 'ca.key'), 'utf8'),
  }
  const server = nodeServer(config)
  const users = [
    { path: paths.proxyConf, spec: client('kube-proxy', 'ca', 'system:kube-proxy') },
    // By certificate what Pods of CoreDNS and kube-network-policies would be by their tokens.
    { path: paths.dnsConf, spec: client('coredns', 'ca', 'system:serviceaccount:kube-system:coredns') },
    {
      path: paths.policyConf,
      spec: client('network-policies', 'ca', 'system:serviceaccount:kube-system:kube-network-policies'),
    },
  ]
  for (const { path, spec } of users) {
    const pair = await ensureCertificateFrom(ca, paths.pki, spec)
    kubeconfig(path, { config, layout, user: spec.commonName, server, pair })
  }
  const place = { cluster: config.name, user: 'tls-bootstrap-token-user', server, caFile }
  writeTokenKubeconfig(paths.bootstrapConf, place, tokenText(ensureBootstrapToken(layout)))
}
