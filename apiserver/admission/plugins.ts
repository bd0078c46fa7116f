/** The admission plugins in upstream's order, and which are on. Upstream: pkg/kubeapiserver/options/plugins.go */
import type { ParsedText } from '../../api/codec/json.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { RbacAuthorizer } from '../authorization/rbac.ts'
import type { Resources } from '../registry/resources.ts'
import type { CallReview } from '../webhook/review-caller.ts'
import type { AdmissionPlugin } from './admission.ts'
import type { PluginConfigurations } from './config/admission-configuration.ts'
import { ConfigError } from './config/decode-config.ts'
import type { PodSecurityMetrics } from './pod-security/metrics.ts'
import { mutatingAdmissionPolicy } from './policy/mutating-admission-policy.ts'
import { validatingAdmissionPolicy } from './policy/validating-admission-policy.ts'
import { parsePodSecurityConfiguration } from './pod-security/configuration.ts'
import { podSecurity } from './pod-security/pod-security.ts'
import type { HookDependencies } from './webhook/call-hook.ts'
import { createWebhookCaller } from './webhook/client.ts'
import { readWebhookCredentials } from './webhook/credentials.ts'
import { hookSource } from './webhook/hooks.ts'
import type { WebhookMetrics, WebhookType } from './webhook/metrics.ts'
import { mutatingWebhook } from './webhook/mutating-webhook.ts'
import { validatingWebhook } from './webhook/validating-webhook.ts'
import { createMatcher } from './matching/matcher.ts'
import { resourceQuota } from './quota/resource-quota.ts'
import { alwaysAdmit, alwaysDeny } from './plugins/always.ts'
import { alwaysPullImages } from './plugins/always-pull-images.ts'
import { certificateSubjectRestriction } from './plugins/certificate-subject-restriction.ts'
import { defaultIngressClass } from './plugins/default-ingress-class.ts'
import { denyServiceExternalIps } from './plugins/deny-service-external-ips.ts'
import { eventRateLimit } from './plugins/event-rate-limit.ts'
import { extendedResourceToleration } from './plugins/extended-resource-toleration.ts'
import { imagePolicyWebhook } from './plugins/image-policy-webhook.ts'
import { limitPodHardAntiAffinityTopology } from './plugins/limit-pod-hard-anti-affinity-topology.ts'
import { namespaceAutoProvision } from './plugins/namespace-auto-provision.ts'
import { namespaceExists } from './plugins/namespace-exists.ts'
import { ownerReferencesPermissionEnforcement } from './plugins/owner-references-permission-enforcement.ts'
import { persistentVolumeClaimResize } from './plugins/persistent-volume-claim-resize.ts'
import { podNodeSelector } from './plugins/pod-node-selector.ts'
import { podResizeValidator } from './plugins/pod-resize-validator.ts'
import { podTolerationRestriction } from './plugins/pod-toleration-restriction.ts'
import { podTopologyLabels } from './plugins/pod-topology-labels.ts'
import { certificateApproval, certificateSigning, clusterTrustBundleAttest } from './plugins/signers.ts'
import { allowPrivileged } from './plugins/allow-privileged.ts'
import { certificateRequester } from './plugins/certificate-requester.ts'
import { defaultStorageClass } from './plugins/default-storage-class.ts'
import { defaultTolerationSeconds, type TolerationDefaults } from './plugins/default-toleration-seconds.ts'
import { limitRanger } from './plugins/limit-ranger.ts'
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts'
import { nodeDeclaredFeatureValidator } from './plugins/node-declared-feature-validator.ts'
import { nodeRestriction } from './plugins/node-restriction/node-restriction.ts'
import { priority } from './plugins/priority.ts'
import { rbacEscalation } from './plugins/rbac-escalation.ts'
import { runtimeClass } from './plugins/runtime-class.ts'
import { serviceAccount } from './plugins/service-account.ts'
import { storageObjectInUseProtection } from './plugins/storage-object-in-use-protection.ts'
import { taintNodesByCondition } from './plugins/taint-nodes-by-condition.ts'

export interface PluginDependencies {
  readonly authorizer: Authorizer
  readonly rbac: RbacAuthorizer
  readonly resources: Resources
  readonly tolerations: TolerationDefaults
  readonly allowPrivileged: boolean
  readonly podSecurityMetrics: PodSecurityMetrics
  readonly webhookMetrics: WebhookMetrics
  readonly callReview: CallReview
  readonly log: Logger
  readonly clock: Clock
}

/** `--enable-admission-plugins`, `--disable-admission-plugins`, `--admission-control-config-file`. */
export interface PluginSelection {
  /** `--admission-control`, the older flag: these and no others; empty for the defaults. */
  readonly only: readonly string[]
  readonly enabled: readonly string[]
  readonly disabled: readonly string[]
  readonly configurations: PluginConfigurations
}

interface Row {
  readonly name: string
  /** `inert`: what it would do is behind a feature gate that is off by default. */
  readonly is: 'on' | 'off' | 'inert'
  /** Throws ConfigError. */
  readonly create?: (deps: PluginDependencies, configuration: ParsedText | undefined) => AdmissionPlugin
}

const core = ({ resources }: PluginDependencies, resource: string) =>
  resources.get({ group: '', version: 'v1', resource })
const storage = ({ resources }: PluginDependencies, resource: string) =>
  resources.get({ group: 'storage.k8s.io', version: 'v1', resource })

const webhooks = ({ resources }: PluginDependencies, resource: string) =>
  resources.get({ group: 'admissionregistration.k8s.io', version: 'v1', resource })

const hookDependencies = (
  deps: PluginDependencies,
  type: WebhookType,
  configuration: ParsedText | undefined,
): HookDependencies => ({
  matcher: createMatcher(deps.resources),
  authorizer: deps.authorizer,
  call: createWebhookCaller(deps.callReview, readWebhookCredentials(configuration)),
  metrics: deps.webhookMetrics,
  type,
  warnLog: (message, fields) => deps.log.warn(fields, message),
})

const rows: readonly Row[] = [
  { name: 'AlwaysAdmit', is: 'off', create: () => alwaysAdmit },
  { name: 'NamespaceAutoProvision', is: 'off', create: (deps) => namespaceAutoProvision(core(deps, 'namespaces')) },
  { name: 'NamespaceLifecycle', is: 'on', create: (deps) => namespaceLifecycle(core(deps, 'namespaces'), deps.clock) },
  { name: 'NamespaceExists', is: 'off', create: (deps) => namespaceExists(core(deps, 'namespaces')) },
  { name: 'LimitPodHardAntiAffinityTopology', is: 'off', create: () => limitPodHardAntiAffinityTopology },
  { name: 'LimitRanger', is: 'on', create: (deps) => limitRanger(core(deps, 'limitranges')) },
  { name: 'ServiceAccount', is: 'on', create: (deps) => serviceAccount(core(deps, 'serviceaccounts')) },
  {
    name: 'NodeRestriction',
    is: 'off',
    create: (deps) =>
      nodeRestriction({
        nodes: core(deps, 'nodes'),
        pods: core(deps, 'pods'),
        claims: core(deps, 'persistentvolumeclaims'),
        volumes: core(deps, 'persistentvolumes'),
        csiDrivers: storage(deps, 'csidrivers'),
        authorizer: deps.authorizer,
      }),
  },
  { name: 'TaintNodesByCondition', is: 'on', create: () => taintNodesByCondition },
  { name: 'AlwaysPullImages', is: 'off', create: () => alwaysPullImages },
  {
    name: 'ImagePolicyWebhook',
    is: 'off',
    create: ({ clock }, configuration) => imagePolicyWebhook(configuration, clock),
  },
  {
    name: 'PodSecurity',
    is: 'on',
    create: (deps, configuration) =>
      podSecurity({
        namespaces: core(deps, 'namespaces'),
        pods: core(deps, 'pods'),
        configuration: parsePodSecurityConfiguration(configuration),
        metrics: deps.podSecurityMetrics,
        clock: deps.clock,
      }),
  },
  {
    name: 'PodNodeSelector',
    is: 'off',
    create: (deps, configuration) => podNodeSelector(core(deps, 'namespaces'), configuration),
  },
  {
    name: 'Priority',
    is: 'on',
    create: ({ resources }) =>
      priority(resources.get({ group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' })),
  },
  { name: 'DefaultTolerationSeconds', is: 'on', create: ({ tolerations }) => defaultTolerationSeconds(tolerations) },
  {
    name: 'PodTolerationRestriction',
    is: 'off',
    create: (deps, configuration) => podTolerationRestriction(core(deps, 'namespaces'), configuration),
  },
  { name: 'EventRateLimit', is: 'off', create: ({ clock }, configuration) => eventRateLimit(configuration, clock) },
  { name: 'ExtendedResourceToleration', is: 'off', create: () => extendedResourceToleration },
  { name: 'DefaultStorageClass', is: 'on', create: (deps) => defaultStorageClass(storage(deps, 'storageclasses')) },
  { name: 'StorageObjectInUseProtection', is: 'on', create: () => storageObjectInUseProtection },
  {
    name: 'OwnerReferencesPermissionEnforcement',
    is: 'off',
    create: ({ authorizer, resources }) => ownerReferencesPermissionEnforcement(authorizer, resources),
  },
  {
    name: 'PersistentVolumeClaimResize',
    is: 'on',
    create: (deps) => persistentVolumeClaimResize(storage(deps, 'storageclasses')),
  },
  {
    name: 'RuntimeClass',
    is: 'on',
    create: ({ resources }) =>
      runtimeClass(resources.get({ group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses' })),
  },
  { name: 'CertificateApproval', is: 'on', create: ({ authorizer }) => certificateApproval(authorizer) },
  { name: 'CertificateSigning', is: 'on', create: ({ authorizer }) => certificateSigning(authorizer) },
  { name: 'ClusterTrustBundleAttest', is: 'on', create: ({ authorizer }) => clusterTrustBundleAttest(authorizer) },
  { name: 'CertificateSubjectRestriction', is: 'on', create: () => certificateSubjectRestriction },
  {
    name: 'DefaultIngressClass',
    is: 'on',
    create: ({ resources }) =>
      defaultIngressClass(resources.get({ group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses' })),
  },
  { name: 'DenyServiceExternalIPs', is: 'off', create: () => denyServiceExternalIps },
  { name: 'PodTopologyLabels', is: 'on', create: (deps) => podTopologyLabels(core(deps, 'nodes')) },
  { name: 'PodGroupWorkloadExists', is: 'inert' },
  {
    name: 'NodeDeclaredFeatureValidator',
    is: 'on',
    create: (deps) => nodeDeclaredFeatureValidator(core(deps, 'nodes')),
  },
  { name: 'JobValidation', is: 'inert' },
  { name: 'PodResizeValidator', is: 'on', create: (deps) => podResizeValidator(core(deps, 'nodes')) },
  { name: 'MutatingAdmissionPolicy', is: 'on', create: mutatingAdmissionPolicy },
  {
    name: 'MutatingAdmissionWebhook',
    is: 'on',
    create: (deps, configuration) => {
      return mutatingWebhook(
        { ...hookDependencies(deps, 'admit', configuration), resources: deps.resources },
        hookSource(webhooks(deps, 'mutatingwebhookconfigurations')),
      )
    },
  },
  { name: 'ValidatingAdmissionPolicy', is: 'on', create: validatingAdmissionPolicy },
  {
    name: 'ValidatingAdmissionWebhook',
    is: 'on',
    create: (deps, configuration) => {
      return validatingWebhook(
        hookDependencies(deps, 'validating', configuration),
        hookSource(webhooks(deps, 'validatingwebhookconfigurations')),
      )
    },
  },
  // Last of those that say yes: what is booked here should not be refused by anybody after it.
  {
    name: 'ResourceQuota',
    is: 'on',
    create: (deps, configuration) => resourceQuota(core(deps, 'resourcequotas'), configuration, deps.clock),
  },
  { name: 'AlwaysDeny', is: 'off', create: () => alwaysDeny },
]

/** What upstream does in the strategies of kinds and cannot be switched off. */
const always = (deps: PluginDependencies): readonly AdmissionPlugin[] => [
  certificateRequester,
  allowPrivileged(deps.allowPrivileged),
  rbacEscalation(deps.rbac, deps.authorizer, deps.resources),
]

/** Throws UsageError for names that are unknown, contradict each other, or are of plugins that kubets does not have. */
export const checkPluginNames = ({ only, enabled, disabled }: PluginSelection): void => {
  const check = (flag: string, names: readonly string[]): void => {
    const unknown = names.find((name) => !rows.some((row) => row.name === name))
    if (unknown !== undefined) throw new UsageError(`${flag} plugin ${JSON.stringify(unknown)} is unknown`)
  }
  if (only.length > 0 && enabled.length + disabled.length > 0) {
    throw new UsageError(
      'admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive',
    )
  }
  check('admission-control', only)
  check('enable-admission-plugins', enabled)
  check('disable-admission-plugins', disabled)
  const both = [...new Set(enabled)].filter((name) => disabled.includes(name)).toSorted()
  if (both.length > 0) {
    throw new UsageError(`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`)
  }
}

const create = (row: Row, deps: PluginDependencies, configurations: PluginConfigurations): AdmissionPlugin[] => {
  try {
    return row.create === undefined ? [] : [row.create(deps, configurations.get(row.name))]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new UsageError(`couldn't init admission plugin ${JSON.stringify(row.name)}: ${error.message}`)
  }
}

/** The plugins that are on, in upstream's order. Throws UsageError. */
export const admissionPlugins = (deps: PluginDependencies, selection: PluginSelection): readonly AdmissionPlugin[] => {
  checkPluginNames(selection)
  const { only, enabled, disabled, configurations } = selection
  const isOn = ({ name, is }: Row): boolean =>
    only.length > 0 ? only.includes(name) : enabled.includes(name) || (is === 'on' && !disabled.includes(name))
  return [...always(deps), ...rows.filter(isOn).flatMap((row) => create(row, deps, configurations))]
}
