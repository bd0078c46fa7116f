/** The command line of each process of a cluster: upstream's flags, as an administrator would write them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { isKubeletLabel } from '../api/core/kubelet-labels.ts'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { strongCipherSuites } from '../component-base/tls/cipher-suites.ts'
import { addressesAt } from './cidr.ts'
import type { ClusterConfig, NodeConfig } from './cluster-config.ts'
import { containerdPaths, containerdProcess } from './containerd.ts'
import { encryptionConfigPath } from './encryption.ts'
import { type Layout, projectRoot } from './layout.ts'
import { hostAddress, namespaceOf } from './network.ts'
import type { ProcessSpec } from './process-table.ts'

/** The tenth address of each service range, as kubeadm chooses it for cluster DNS. */
export const dnsAddresses = (config: ClusterConfig): string[] => addressesAt(config.networking.serviceCIDR, 10)

/** Name of the control plane's etcd process in pid files and logs; the rest are named after upstream's binaries. */
export const controlPlaneNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'metrics-server',
] as const
type ControlPlaneName = (typeof controlPlaneNames)[number]

const sources: Readonly<Record<ControlPlaneName | 'ingress-controller' | 'kubelet' | 'kube-proxy', string>> = {
  etcd: 'etcd-lite/main.ts',
  'kube-apiserver': 'apiserver/main.ts',
  'kube-controller-manager': 'controller-manager/main.ts',
  'kube-scheduler': 'scheduler/main.ts',
  'metrics-server': 'deploy/metrics-server/main.ts',
  'ingress-controller': 'deploy/ingress/main.ts',
  kubelet: 'kubelet/main.ts',
  'kube-proxy': 'proxy/main.ts',
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, string | number | boolean>>

/**
 * Young generation in MiB: room keeps the garbage of requests out of the old one; the store's lives for no longer than
 * a write. The API server's buffers are freed with it, so that more than 16 costs it memory twice (and 8 a tenth of its CPU).
 */
const semiSpaceMiB = (name: keyof typeof sources): number => {
  if (name === 'etcd' || name === 'metrics-server' || name === 'ingress-controller') return 4
  return name === 'kube-apiserver' ? 16 : 32
}

/** The API server's old generation may double before it is collected; V8 alone lets it grow fourfold, 70 MiB more. */
const heapFlags = (name: keyof typeof sources): string[] => [
  `--max-semi-space-size=${semiSpaceMiB(name)}`,
  ...(name === 'kube-apiserver' ? ['--heap-growing-percent=100'] : []),
]

/** With an arena for each thread, glibc keeps for the others what one of them has freed: some 20 MiB a process. */
export const environment = { MALLOC_ARENA_MAX: '1' }

/** argv of a component, with the heap that suits it. */
export const commandLine = (name: keyof typeof sources, flags: Flags): string[] => [
  process.execPath,
  ...heapFlags(name),
  '--disable-warning=ExperimentalWarning',
  join(projectRoot, sources[name]),
  ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
]

const etcdUrlOf = (config: ClusterConfig): string => `https://127.0.0.1:${config.controlPlane.etcdPort}`

/** How the API server reaches the store. */
const etcdClientFlags = (config: ClusterConfig, layout: Layout): Flags => {
  const external = config.controlPlane.externalEtcd
  const tls =
    external === undefined
      ? {
          caFile: join(layout.pki, 'etcd/ca.crt'),
          certFile: join(layout.pki, 'apiserver-etcd-client.crt'),
          keyFile: join(layout.pki, 'apiserver-etcd-client.key'),
        }
      : external.tls
  return {
    'etcd-servers': external?.endpoints.join(',') ?? etcdUrlOf(config),
    ...(tls === undefined
      ? {}
      : { 'etcd-cafile': tls.caFile, 'etcd-certfile': tls.certFile, 'etcd-keyfile': tls.keyFile }),
  }
}

const cipherSuites = strongCipherSuites.join(',')

/**
 * Who may ask anonymously, and how admission is set up: by files of ours, unless the cluster file says it. Upstream
 * refuses some flags beside such a file, and one of the plugins without one.
 */
const policyFlags = (own: Readonly<Record<string, string>>): Flags => {
  const saysWho = Object.keys(own).some((flag) => flag === 'anonymous-auth' || flag.startsWith('oidc-'))
  const hasLimits = own['admission-control-config-file'] === undefined
  return {
    ...(saysWho ? {} : { 'authentication-config': join(projectRoot, 'deploy/authentication-config.yaml') }),
    'admission-control-config-file': join(projectRoot, 'deploy/admission-config.yaml'),
    'enable-admission-plugins': hasLimits ? 'NodeRestriction,EventRateLimit' : 'NodeRestriction',
  }
}

const controlPlaneFlags = (config: ClusterConfig, layout: Layout): Record<ControlPlaneName, Flags> => {
  const pki = (file: string): string => join(layout.pki, file)
  const { apiServerPort, etcdMetricsPort, controllerManagerPort, schedulerPort, metricsServerPort } =
    config.controlPlane
  const { serviceCIDR, podCIDR } = config.networking
  const etcdUrl = etcdUrlOf(config)
  return {
    etcd: {
      name: 'etcd-0',
      'data-dir': layout.etcd,
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-metrics-urls': `http://127.0.0.1:${etcdMetricsPort}`,
      'cert-file': pki('etcd/server.crt'),
      'key-file': pki('etcd/server.key'),
      'trusted-ca-file': pki('etcd/ca.crt'),
      'client-cert-auth': true,
      'cipher-suites': cipherSuites,
    },
    'kube-apiserver': {
      ...etcdClientFlags(config, layout),
      // Nodes that know IPv6 alone come by it; this machine comes by 127.0.0.1 all the same.
      'bind-address': hostAddress(config).includes(':') ? '::' : '0.0.0.0',
      'secure-port': apiServerPort,
      'advertise-address': hostAddress(config),
      'tls-cert-file': pki('apiserver.crt'),
      'tls-private-key-file': pki('apiserver.key'),
      'tls-cipher-suites': cipherSuites,
      profiling: false,
      'client-ca-file': pki('ca.crt'),
      'kubelet-client-certificate': pki('apiserver-kubelet-client.crt'),
      'kubelet-client-key': pki('apiserver-kubelet-client.key'),
      'kubelet-certificate-authority': pki('ca.crt'),
      'kubelet-preferred-address-types': 'InternalIP,Hostname',
      'requestheader-client-ca-file': pki('front-proxy-ca.crt'),
      'requestheader-allowed-names': 'front-proxy-client',
      'requestheader-username-headers': 'X-Remote-User',
      'requestheader-group-headers': 'X-Remote-Group',
      'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'proxy-client-cert-file': pki('front-proxy-client.crt'),
      'proxy-client-key-file': pki('front-proxy-client.key'),
      // No cluster IP is reached from the control plane's host.
      'enable-aggregator-routing': true,
      'service-account-key-file': pki('sa.pub'),
      'service-account-signing-key-file': pki('sa.key'),
      'service-account-extend-token-expiration': false,
      'service-account-issuer': `https://kubernetes.default.svc.${config.networking.dnsDomain}`,
      'service-cluster-ip-range': serviceCIDR,
      'authorization-mode': 'Node,RBAC',
      'encryption-provider-config': encryptionConfigPath(layout),
      'encryption-provider-config-automatic-reload': true,
      'audit-policy-file': join(projectRoot, 'deploy/audit-policy.yaml'),
      'audit-log-path': join(layout.logs, 'audit.log'),
      'audit-log-maxage': 30,
      'audit-log-maxbackup': 10,
      'audit-log-maxsize': 100,
      ...policyFlags(config.controlPlane.extraArgs['kube-apiserver'] ?? {}),
      'enable-bootstrap-token-auth': true,
      'allow-privileged': true,
    },
    'kube-controller-manager': {
      kubeconfig: layout.controllerManagerConf,
      'authentication-kubeconfig': layout.controllerManagerConf,
      'authorization-kubeconfig': layout.controllerManagerConf,
      'bind-address': '127.0.0.1',
      'secure-port': controllerManagerPort,
      'tls-cipher-suites': cipherSuites,
      profiling: false,
      'terminated-pod-gc-threshold': 12_500,
      'client-ca-file': pki('ca.crt'),
      'allocate-node-cidrs': true,
      'cluster-cidr': podCIDR,
      'service-cluster-ip-range': serviceCIDR,
      'cluster-signing-cert-file': pki('ca.crt'),
      'cluster-signing-key-file': pki('ca.key'),
      'root-ca-file': pki('ca.crt'),
      'service-account-private-key-file': pki('sa.key'),
      'use-service-account-credentials': true,
      controllers: '*,bootstrapsigner,tokencleaner',
      'leader-elect': true,
    },
    'kube-scheduler': {
      kubeconfig: layout.schedulerConf,
      'authentication-kubeconfig': layout.schedulerConf,
      'authorization-kubeconfig': layout.schedulerConf,
      'bind-address': '127.0.0.1',
      'secure-port': schedulerPort,
      'tls-cipher-suites': cipherSuites,
      profiling: false,
      'client-ca-file': pki('ca.crt'),
      'leader-elect': true,
    },
    'metrics-server': {
      kubeconfig: layout.metricsServerConf,
      'bind-address': hostAddress(config),
      'secure-port': metricsServerPort,
      'tls-cert-file': pki('metrics-server.crt'),
      'tls-private-key-file': pki('metrics-server.key'),
      'tls-cipher-suites': cipherSuites,
    },
  }
}

/** A file that says which authorizers there are and the flag that says it cannot both be; kubeadm's way. */
const withExtraArgs = (flags: Flags, extra: Readonly<Record<string, string>> = {}): Flags => {
  const { 'authorization-mode': _, ...rest } = flags
  return { ...('authorization-config' in extra ? rest : flags), ...extra }
}

/** The control plane's processes in the order in which they are started. */
export const controlPlaneProcesses = (config: ClusterConfig, layout: Layout): ProcessSpec[] => {
  const flags = controlPlaneFlags(config, layout)
  const external = config.controlPlane.externalEtcd !== undefined
  const isOff: Partial<Record<ControlPlaneName, boolean>> = {
    etcd: external,
    'metrics-server': config.controlPlane.metricsServerPort === 0,
  }
  const names = controlPlaneNames.filter((name) => isOff[name] !== true)
  return names.map((name) => ({
    name,
    argv: commandLine(name, withExtraArgs(flags[name], config.controlPlane.extraArgs[name])),
    env: environment,
  }))
}

/** Below it are the cgroups of the node's Pods. */
const cgroupRootOf = ({ name }: ClusterConfig, node: string): string => `/kubets/${name}/${node}`

/** The ingress controller, with a proxy in the network of each node; none where the cluster file wants none. */
export const ingressProcesses = (
  config: ClusterConfig,
  layout: Layout,
  nodes: readonly Pick<NodeConfig, 'name' | 'address'>[],
): ProcessSpec[] => {
  if (!config.controlPlane.ingressController) return []
  const flags: Flags = {
    kubeconfig: layout.ingressConf,
    'state-dir': layout.ingress,
    proxies: nodes.map(({ name, address }) => `${address}@/run/netns/${namespaceOf(config, name)}`).join(','),
  }
  const extra = config.controlPlane.extraArgs['ingress-controller']
  return [
    {
      name: 'ingress-controller',
      argv: commandLine('ingress-controller', withExtraArgs(flags, extra)),
      env: environment,
    },
  ]
}

/** Writes a node's KubeletConfiguration: what a config management tool would put on the host. */
const writeKubeletConfig = (config: ClusterConfig, layout: Layout, node: NodeConfig): void => {
  const paths = layout.node(node.name)
  const kubeletConfiguration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(layout.pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    clusterDNS: dnsAddresses(config).slice(0, 1),
    clusterDomain: config.networking.dnsDomain,
    rotateCertificates: true,
    serverTLSBootstrap: true,
    tlsCipherSuites: strongCipherSuites,
    seccompDefault: true,
    podPidsLimit: 4096,
    // Nodes share the machine of whoever tries this: what is on its disks, and its swap, are his.
    failSwapOn: false,
    // Each node weighs its own Pods.
    cgroupRoot: cgroupRootOf(config, node.name),
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
      'imagefs.inodesFree': '0%',
    },
    podLogsDir: paths.podLogs,
    staticPodPath: paths.manifests,
    ...node.kubelet,
  }
  mkdirSync(paths.manifests, { recursive: true })
  writeFileAtomic(paths.kubeletConfig, dump(kubeletConfiguration), 0o600)
}

/** Writes a node's KubeProxyConfiguration: what kubeadm has in a ConfigMap. */
const writeProxyConfig = (config: ClusterConfig, layout: Layout, node: NodeConfig): void => {
  const paths = layout.node(node.name)
  const proxyConfiguration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: paths.proxyConf },
    hostnameOverride: node.name,
    mode: 'nftables',
    clusterCIDR: config.networking.podCIDR,
    // A change costs some milliseconds: no need to wait a second for more of them.
    nftables: { minSyncPeriod: '10ms' },
    // The limit is the machine's, which all nodes share.
    conntrack: { maxPerCore: 0 },
  }
  writeFileAtomic(paths.proxyConfig, dump(proxyConfiguration), 0o600)
}

const mapFlag = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')

/**
 * A node's processes: containerd, if it has one, kubelet and proxy. `enter` is the command that puts them into the node's network namespace, if they are not
 * started in it; their mounts are the machine's, where dockerd sees them.
 */
export const nodeProcesses = (
  config: ClusterConfig,
  layout: Layout,
  node: NodeConfig,
  enter: readonly string[] = ['nsenter', `--net=/run/netns/${namespaceOf(config, node.name)}`, '--'],
): ProcessSpec[] => {
  writeKubeletConfig(config, layout, node)
  writeProxyConfig(config, layout, node)
  const paths = layout.node(node.name)
  const taints = node.taints.map(
    ({ key, value, effect }) => `${key}${value === undefined ? '' : `=${value}`}:${effect}`,
  )
  const hasContainerd = node.runtime === 'containerd'
  const kubelet = commandLine('kubelet', {
    kubeconfig: paths.kubeletConf,
    'bootstrap-kubeconfig': paths.bootstrapConf,
    'cert-dir': paths.pki,
    config: paths.kubeletConfig,
    'hostname-override': node.name,
    'node-ip': node.addresses.join(','),
    'root-dir': paths.kubeletRoot,
    'cni-conf-dir': paths.cniConf,
    // Others are the administrator's to set: node-sync.ts does it.
    'node-labels': mapFlag(Object.fromEntries(Object.entries(node.labels).filter(([label]) => isKubeletLabel(label)))),
    ...(hasContainerd
      ? { 'container-runtime-endpoint': `unix://${containerdPaths(config, layout, node.name).socket}` }
      : {}),
    ...(taints.length === 0 ? {} : { 'register-with-taints': taints.join(',') }),
  })
  const proxy = commandLine('kube-proxy', {
    // For those who look at the command line (the CIS benchmark); the file says the same.
    kubeconfig: paths.proxyConf,
    config: paths.proxyConfig,
    ...(config.networking.clusterDNS ? { 'cluster-dns': dnsAddresses(config).join(',') } : {}),
    'dns-kubeconfig': paths.dnsConf,
    'policy-kubeconfig': paths.policyConf,
    // libcni, in containerd, has one place for all of a machine.
    'cni-cache-dir': hasContainerd ? '/var/lib/cni/results' : paths.cniCache,
    'cluster-domain': config.networking.dnsDomain,
  })
  return [
    ...(hasContainerd ? [containerdProcess(config, layout, node.name, enter)] : []),
    { name: `${node.name}-kubelet`, argv: [...enter, ...kubelet], env: environment },
    { name: `${node.name}-kube-proxy`, argv: [...enter, ...proxy], env: environment },
  ]
}
