/** What the servers of a test environment are passed: envtest's flags, and those of controllers beside it. */
import { join } from 'node:path'
import type { Flags } from '../deploy/components.ts'
import type { Credentials } from './credentials.ts'

export type ControllerName = 'kube-controller-manager' | 'kube-scheduler'
export type ServerName = 'etcd' | 'kube-apiserver' | ControllerName

/** Further flags by server; they replace what the environment passes itself. */
export type ExtraFlags = Readonly<Partial<Record<ServerName, Flags>>>

type Ports = Readonly<Record<ServerName, number>>
type Files = Credentials['files']

/** Data of a test need not survive the machine: nothing waits for the disk. */
export const etcdFlags = (directory: string, port: number): Flags => ({
  'data-dir': join(directory, 'etcd'),
  'listen-client-urls': `http://127.0.0.1:${port}`,
  'advertise-client-urls': `http://127.0.0.1:${port}`,
  'unsafe-no-fsync': true,
})

export interface ApiServerContext {
  readonly ports: Ports
  readonly files: Files
  /** Without one nobody makes ServiceAccounts, so Pods must do without. */
  readonly controllerManager: boolean
}

export const apiServerFlags = ({ ports, files, controllerManager }: ApiServerContext): Flags => ({
  'etcd-servers': `http://127.0.0.1:${ports.etcd}`,
  'bind-address': '127.0.0.1',
  'secure-port': ports['kube-apiserver'],
  'tls-cert-file': files.servingCert,
  'tls-private-key-file': files.servingKey,
  'client-ca-file': files.ca,
  'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
  'service-account-key-file': files.serviceAccountPublicKey,
  'service-account-signing-key-file': files.serviceAccountKey,
  'service-cluster-ip-range': '10.0.0.0/24',
  'authorization-mode': 'RBAC',
  'allow-privileged': true,
  ...(controllerManager ? {} : { 'disable-admission-plugins': 'ServiceAccount' }),
})

export interface ControllerContext {
  readonly ports: Ports
  readonly files: Files
  readonly kubeconfig: string
}

export const controllerFlags = (name: ControllerName, { ports, files, kubeconfig }: ControllerContext): Flags => ({
  kubeconfig,
  'authentication-kubeconfig': kubeconfig,
  'authorization-kubeconfig': kubeconfig,
  'bind-address': '127.0.0.1',
  'secure-port': ports[name],
  'client-ca-file': files.ca,
  'tls-cert-file': files.servingCert,
  'tls-private-key-file': files.servingKey,
  'leader-elect': false,
  ...(name === 'kube-scheduler'
    ? {}
    : {
        'cluster-signing-cert-file': files.ca,
        'cluster-signing-key-file': files.caKey,
        'root-ca-file': files.ca,
        'service-account-private-key-file': files.serviceAccountKey,
        'use-service-account-credentials': true,
      }),
})
