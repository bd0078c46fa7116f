/** The volumes of Pods, and where their contents come from. */
import { resourcePath, serviceAccounts } from '../../api/resources.ts'
import type { TokenRequest } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { ObjectSource } from '../container/objects.ts'
import { csiObjects } from '../csi/api-objects.ts'
import { createCsiVolumes } from '../csi/csi-volumes.ts'
import { createCsiDrivers } from '../csi/drivers.ts'
import type { PodManager } from '../sync/pod-manager.ts'
import { capacityWriter } from '../volumes/persistent-volume.ts'
import { createTokenSource, noTokens, type TokenSource } from '../volumes/tokens.ts'
import { projectsTrustBundles } from '../volumes/trust-anchors.ts'
import { createTrustBundles, noTrustBundles, type TrustBundles } from '../volumes/trust-bundles.ts'
import { createVolumeManager } from '../volumes/volume-manager.ts'
import type { Base } from './base.ts'

const requestToken =
  (client: RestClient) =>
  async (namespace: string, account: string, body: TokenRequest): Promise<TokenRequest> =>
    (await client.raw('POST', resourcePath(serviceAccounts, namespace, account, 'token'), body)) as TokenRequest

export interface VolumesDeps {
  readonly client: RestClient | undefined
  readonly objects: ObjectSource
  readonly pods: PodManager
}

const trustBundlesOf = ({ config, wakePod, log, signal }: Base, { client, pods }: VolumesDeps): TrustBundles => {
  if (client === undefined || !config.gates.ClusterTrustBundleProjection) return noTrustBundles
  const onChange = (): void => {
    for (const pod of pods.list()) if (projectsTrustBundles(pod.spec)) wakePod(pod.metadata.uid)
  }
  return createTrustBundles({ client, onChange, log, signal })
}

export const createVolumes = (base: Base, deps: VolumesDeps) => {
  const { config, paths, now, node, wakeAll, wakeNode, log } = base
  const { client, objects } = deps
  const { nodeName } = config
  const tokens: TokenSource = client === undefined ? noTokens : createTokenSource(requestToken(client), now)
  const csiDrivers = createCsiDrivers({ client, nodeName, node, onChange: wakeAll, log })
  const csi = createCsiVolumes({
    paths,
    drivers: csiDrivers,
    objects: csiObjects(client),
    tokens,
    nodeName,
    onUse: wakeNode,
    now,
  })
  const volumes = createVolumeManager({
    paths,
    now,
    objects,
    tokens,
    trustBundles: trustBundlesOf(base, deps),
    csi,
    writeCapacity: capacityWriter(client),
  })
  return { tokens, csi, csiDrivers, volumes }
}
