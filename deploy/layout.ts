/** Where a cluster keeps its state: one directory, by default `.cluster/` in the checkout. */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout that this file is in. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

export interface Layout {
  readonly root: string
  /** The cluster file that the running cluster follows. */
  readonly clusterFile: string
  readonly pki: string
  readonly logs: string
  /** Pid files and what the supervisor must remember. */
  readonly run: string
  readonly etcd: string
  readonly adminConf: string
  /** In system:masters: what no RBAC rule can lock out. */
  readonly superAdminConf: string
  readonly controllerManagerConf: string
  readonly schedulerConf: string
  readonly metricsServerConf: string
  readonly ingressConf: string
  /** Configuration and certificates of the ingress controller's proxies. */
  readonly ingress: string
  readonly node: (name: string) => NodeLayout
}

export interface NodeLayout {
  readonly root: string
  /** Written by the kubelet, once the cluster has signed its certificate. */
  readonly kubeletConf: string
  /** What the kubelet asks for it with. */
  readonly bootstrapConf: string
  readonly kubeletConfig: string
  readonly proxyConf: string
  readonly proxyConfig: string
  /** Who cluster DNS is. */
  readonly dnsConf: string
  /** Who enforces NetworkPolicies is. */
  readonly policyConf: string
  readonly pki: string
  /** The kubelet's --root-dir. */
  readonly kubeletRoot: string
  readonly cniConf: string
  /** What CNI's plugins answered, sandbox by sandbox; the kubelet writes it. */
  readonly cniCache: string
  readonly podLogs: string
  readonly manifests: string
}

/** The layout under `root`, which becomes absolute: kubelets hand these paths to dockerd. */
export const layoutOf = (root: string): Layout => {
  const base = resolve(root)
  return {
    root: base,
    clusterFile: join(base, 'cluster.yaml'),
    pki: join(base, 'pki'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    etcd: join(base, 'etcd'),
    adminConf: join(base, 'admin.conf'),
    superAdminConf: join(base, 'super-admin.conf'),
    controllerManagerConf: join(base, 'controller-manager.conf'),
    schedulerConf: join(base, 'scheduler.conf'),
    metricsServerConf: join(base, 'metrics-server.conf'),
    ingressConf: join(base, 'ingress-controller.conf'),
    ingress: join(base, 'ingress'),
    node: (name) => {
      const node = join(base, 'nodes', name)
      return {
        root: node,
        kubeletConf: join(node, 'kubelet.conf'),
        bootstrapConf: join(node, 'bootstrap-kubelet.conf'),
        kubeletConfig: join(node, 'kubelet-config.yaml'),
        proxyConf: join(node, 'kube-proxy.conf'),
        proxyConfig: join(node, 'kube-proxy-config.yaml'),
        dnsConf: join(node, 'coredns.conf'),
        policyConf: join(node, 'network-policies.conf'),
        pki: join(node, 'pki'),
        kubeletRoot: join(node, 'kubelet'),
        cniConf: join(node, 'cni'),
        cniCache: join(node, 'kubelet/cni/results'),
        podLogs: join(node, 'log/pods'),
        manifests: join(node, 'manifests'),
      }
    },
  }
}
