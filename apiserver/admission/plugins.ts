/** The admission plugins in upstream's order, and which are on. Upstream: pkg/kubeapiserver/options/plugins.go */
import { UsageError } from '../../component-base/process/run.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { RbacAuthorizer } from '../authorization/rbac.ts'
import type { Resources } from '../registry/resources.ts'
import type { AdmissionPlugin } from './admission.ts'
import { allowPrivileged } from './plugins/allow-privileged.ts'
import { certificateRequester } from './plugins/certificate-requester.ts'
import { defaultStorageClass } from './plugins/default-storage-class.ts'
import { defaultTolerationSeconds, type TolerationDefaults } from './plugins/default-toleration-seconds.ts'
import { limitRanger } from './plugins/limit-ranger.ts'
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts'
import { nodeRestriction } from './plugins/node-restriction.ts'
import { priority } from './plugins/priority.ts'
import { rbacEscalation } from './plugins/rbac-escalation.ts'
import { resourceQuota } from './plugins/resource-quota.ts'
import { runtimeClass } from './plugins/runtime-class.ts'
import { serviceAccount } from './plugins/service-account.ts'
import { storageObjectInUseProtection } from './plugins/storage-object-in-use-protection.ts'
import { taintNodesByCondition } from './plugins/taint-nodes-by-condition.ts'

export interface PluginOptions {
  readonly authorizer: Authorizer
  readonly rbac: RbacAuthorizer
  readonly resources: Resources
  readonly tolerations: TolerationDefaults
  readonly allowPrivileged: boolean
  /** `--enable-admission-plugins`, `--disable-admission-plugins`. */
  readonly enabled: readonly string[]
  readonly disabled: readonly string[]
}

/** Off unless asked for. */
const offByDefault = new Set(['NodeRestriction'])

/** Upstream's names that do nothing here yet: asking for them is no error, their absence is told in the docs. */
const notImplemented = new Set([
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'PersistentVolumeClaimResize',
  'PodSecurity',
  'PodTopologyLabels',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
])

export const admissionPlugins = (options: PluginOptions): readonly AdmissionPlugin[] => {
  const { resources, enabled, disabled } = options
  const core = (resource: string) => resources.get({ group: '', version: 'v1', resource })
  const all: readonly AdmissionPlugin[] = [
    namespaceLifecycle(core('namespaces')),
    limitRanger(core('limitranges')),
    serviceAccount(core('serviceaccounts')),
    nodeRestriction(core('pods')),
    taintNodesByCondition,
    priority(resources.get({ group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' })),
    defaultTolerationSeconds(options.tolerations),
    storageObjectInUseProtection,
    defaultStorageClass(resources.get({ group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' })),
    runtimeClass(resources.get({ group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses' })),
    certificateRequester,
    allowPrivileged(options.allowPrivileged),
    rbacEscalation(options.rbac, options.authorizer, resources),
    // Last: what is booked here should not be refused by anybody after it.
    resourceQuota(core('resourcequotas')),
  ]
  const known = new Set([...all.map(({ name }) => name), ...notImplemented])
  for (const name of [...enabled, ...disabled]) {
    if (!known.has(name)) throw new UsageError(`admission plugin ${JSON.stringify(name)} is unknown`)
  }
  for (const name of enabled) {
    if (notImplemented.has(name))
      throw new UsageError(`admission plugin ${JSON.stringify(name)} is not implemented by kubets`)
  }
  return all.filter(({ name }) => !disabled.includes(name) && (!offByDefault.has(name) || enabled.includes(name)))
}
