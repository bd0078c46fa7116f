/** What every cluster gets beside its processes: the manifests in deploy/addons, made where they are missing. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { isReason } from '../api/meta/status-error.ts'
import { type ResourceRef, resourceRef } from '../api/resources.ts'
import { resourceRows } from '../api/schema/resource-table.ts'
import type { ClusterRoleBinding, KubeObject } from '../api/types.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../client/rest/rest-client.ts'
import { sleep } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { bootstrapObjects } from './bootstrap-token.ts'
import type { ClusterConfig } from './cluster-config.ts'
import { dnsAddresses } from './components.ts'
import { type Layout, projectRoot } from './layout.ts'
import { hostAddress } from './network.ts'

const retryMs = 50

type Subject = NonNullable<ClusterRoleBinding['subjects']>[number]

/** All objects of deploy/addons, in the order of file names. */
export const addonObjects = (config: ClusterConfig, layout: Layout): KubeObject[] => {
  const directory = join(projectRoot, 'deploy/addons')
  const values: Readonly<Record<string, string>> = {
    DNS_ADDRESS: dnsAddresses(config)[0] ?? '',
    DNS_FAMILY_POLICY: dnsAddresses(config).length > 1 ? 'RequireDualStack' : 'SingleStack',
    DNS_ADDRESSES: dnsAddresses(config)
      .map((ip) => JSON.stringify(ip))
      .join(', '),
    CONTROL_PLANE_ADDRESS: hostAddress(config),
    METRICS_SERVER_PORT: String(config.controlPlane.metricsServerPort),
    CA_BUNDLE: readFileSync(join(layout.pki, 'ca.crt')).toString('base64'),
  }
  return readdirSync(directory)
    .filter((file) => file !== 'metrics-server.yaml' || config.controlPlane.metricsServerPort > 0)
    .filter((file) => file !== 'kube-dns.yaml' || config.networking.clusterDNS)
    .filter((file) => file !== 'ingress.yaml' || config.controlPlane.ingressController)
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(directory, file), 'utf8')
      return loadAll(text.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? '')) as KubeObject[]
    })
}

/** Subjects that a binding of an earlier version of ours does not have are added; those of its administrator stay. */
const addSubjects = async (
  client: RestClient,
  ref: ResourceRef<ClusterRoleBinding>,
  wanted: ClusterRoleBinding,
): Promise<void> => {
  const { name = '', namespace } = wanted.metadata ?? {}
  const present = await client.get(ref, name, namespace)
  const same = (a: Subject, b: Subject): boolean =>
    a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '')
  const missing = (wanted.subjects ?? []).filter((one) => !(present.subjects ?? []).some((other) => same(one, other)))
  if (missing.length === 0) return
  await client.update(ref, { ...present, subjects: [...(present.subjects ?? []), ...missing] })
}

/** Creates an object; one that exists is left as its administrator wants it. */
const ensureObject = async (client: RestClient, object: KubeObject): Promise<void> => {
  const [version = '', group = ''] = (object.apiVersion ?? '').split('/').reverse()
  // The table is enough, and far smaller than the kinds with all their rules.
  const row = resourceRows().find((r) => r.group === group && r.version === version && r.kind === object.kind)
  if (row === undefined) throw new Error(`${object.apiVersion} ${object.kind}: no such kind`)
  const ref = resourceRef({ group, version, resource: row.plural, kind: row.kind, namespaced: row.namespaced })
  try {
    await client.create(ref, object)
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) {
      if (!row.kind.endsWith('RoleBinding')) return
      return addSubjects(client, ref as unknown as ResourceRef<ClusterRoleBinding>, object as ClusterRoleBinding)
    }
    // A Service that exists is refused for its address, which is its own, before its name is looked at.
    const { name = '', namespace } = object.metadata ?? {}
    const exists = await client.get(ref, name, namespace).then(
      () => true,
      () => false,
    )
    if (!exists) throw error
  }
}

export interface AddonContext {
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Makes objects, all at once, waiting for the API server as long as it takes. */
const ensureObjects = async (
  client: RestClient,
  objects: readonly KubeObject[],
  { log, signal }: AddonContext,
): Promise<void> => {
  const ensure = async (object: KubeObject): Promise<void> => {
    while (!signal.aborted) {
      try {
        return await ensureObject(client, object)
      } catch (err) {
        log.debug({ err, kind: object.kind, name: object.metadata?.name }, 'addon not made yet')
        await sleep(retryMs, signal).catch(() => undefined)
      }
    }
  }
  await Promise.all(objects.map(ensure))
}

/** The binding that makes administrators of those who have admin.conf. Nobody else could make it. */
export const adminBinding: ClusterRoleBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'kubeadm:cluster-admins' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'kubeadm:cluster-admins' }],
}

/** Makes all addons, and what nodes need to join. As kubeadm does it: super-admin.conf is used for one object alone. */
export const ensureAddons = async (config: ClusterConfig, layout: Layout, context: AddonContext): Promise<void> => {
  const superAdmin = createRestClient(loadKubeconfig(layout.superAdminConf), { userAgent: 'kubets-addons' })
  const admin = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-addons' })
  await ensureObjects(superAdmin, [adminBinding], context)
  await ensureObjects(admin, [...bootstrapObjects(config, layout), ...addonObjects(config, layout)], context)
  await Promise.all([superAdmin.close(), admin.close()])
}
