/**
 * An operator as people write them, with @kubernetes/client-node: informers, a queue, server-side apply of what it owns,
 * status, a finalizer, leader election. It makes a Deployment and a ConfigMap for each Website.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  ApiException,
  AppsV1Api,
  CustomObjectsApi,
  type Informer,
  type KubeConfig,
  KubernetesObjectApi,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
} from '@kubernetes/client-node'
import { campaign } from './leader.ts'
import { group, type Website, website } from './website.ts'

export const finalizer = `${group}/cleanup`
const fieldManager = 'website-operator'
const retryMs = 200
const pollMs = 20

export interface Operator {
  readonly leads: () => boolean
  /** Names of sites that its finalizer cleaned up. */
  readonly cleaned: readonly string[]
  /** Ends; who does not release the lease has crashed. */
  readonly stop: (release?: boolean) => Promise<void>
}

const keyOf = ({ metadata }: { metadata?: { namespace?: string; name?: string } }): string =>
  `${metadata?.namespace}/${metadata?.name}`

const isGone = (error: unknown): boolean => error instanceof ApiException && error.code === 404

const childrenOf = (site: Website): object[] => {
  const { name, namespace, uid } = site.metadata
  const labels = { app: name }
  const owner = { apiVersion: `${group}/v1`, kind: 'Website', name, uid, controller: true, blockOwnerDeletion: true }
  const metadata = { name, namespace, labels, ownerReferences: [owner] }
  const template = { metadata: { labels }, spec: { containers: [{ name: 'site', image: site.spec.image }] } }
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { address: site.spec.address ?? '' } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      // No node runs these Pods: a rolling update would wait for them.
      spec: {
        replicas: site.spec.replicas,
        selector: { matchLabels: labels },
        strategy: { type: 'Recreate' },
        template,
      },
    },
  ]
}

export const startOperator = (config: KubeConfig, identity: string): Operator => {
  const custom = config.makeApiClient(CustomObjectsApi)
  const apps = config.makeApiClient(AppsV1Api)
  const objects = KubernetesObjectApi.makeApiClient(config)
  const leadership = campaign(config, 'website-operator', identity)
  const queue = new Set<string>()
  const cleaned: string[] = []
  let stopped = false

  const sites = makeInformer<Website>(
    config,
    `/apis/${group}/v1/websites`,
    async () => (await custom.listClusterCustomObject(website)) as KubernetesListObject<Website>,
  )
  const deployments = makeInformer<V1Deployment>(config, '/apis/apps/v1/deployments', () =>
    apps.listDeploymentForAllNamespaces(),
  )
  const starting: Promise<unknown>[] = []
  const enqueue = (object: KubernetesObject): void => void queue.add(keyOf(object))
  for (const informer of [sites, deployments] as Informer<KubernetesObject>[]) {
    informer.on('change', enqueue)
    informer.on('error', () => void setTimeout(() => !stopped && informer.start().catch(() => undefined), retryMs))
    starting.push(informer.start())
  }

  const patchSite = (site: Website, body: object, status: boolean): Promise<unknown> => {
    const { name = '', namespace = '' } = site.metadata
    const request = { ...website, namespace, name, body }
    const options = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    return status
      ? custom.patchNamespacedCustomObjectStatus(request, options)
      : custom.patchNamespacedCustomObject(request, options)
  }

  const reconcile = async (namespace: string, name: string): Promise<void> => {
    const site = sites.get(name, namespace)
    if (site === undefined) return
    const { finalizers = [], resourceVersion, deletionTimestamp } = site.metadata
    if (deletionTimestamp !== undefined) {
      if (!finalizers.includes(finalizer)) return
      cleaned.push(name)
      const rest = finalizers.filter((each) => each !== finalizer)
      await patchSite(site, { metadata: { resourceVersion, finalizers: rest } }, false)
      return
    }
    if (!finalizers.includes(finalizer)) {
      await patchSite(site, { metadata: { resourceVersion, finalizers: [...finalizers, finalizer] } }, false)
      return
    }
    for (const child of childrenOf(site)) {
      await objects.patch(child, undefined, undefined, fieldManager, true, PatchStrategy.ServerSideApply)
    }
    const replicas = deployments.get(name, namespace)?.status?.replicas ?? 0
    const phase = replicas === site.spec.replicas ? 'Deployed' : 'Deploying'
    const status = { replicas, phase, observedGeneration: site.metadata.generation, selector: `app=${name}` }
    if (!isDeepStrictEqual(status, { ...site.status })) await patchSite(site, { status }, true)
  }

  const running = (async () => {
    let led = false
    while (!stopped) {
      await new Promise((resolve) => setTimeout(resolve, pollMs))
      const leads = leadership.leads()
      // A new leader does not know what the last one left undone.
      if (leads && !led) for (const site of sites.list()) queue.add(keyOf(site))
      led = leads
      if (!leads) continue
      for (const key of queue) {
        queue.delete(key)
        const [namespace = '', name = ''] = key.split('/')
        await reconcile(namespace, name).catch((error: unknown) => {
          if (!isGone(error)) setTimeout(() => queue.add(key), retryMs)
        })
      }
    }
  })()

  return {
    leads: leadership.leads,
    cleaned,
    stop: async (release = true) => {
      stopped = true
      await Promise.allSettled(starting)
      await Promise.all([sites.stop(), deployments.stop(), running, leadership.stop(release)])
    },
  }
}
