/** Tokens: for Pods that are bound to the node, and audiences that these Pods use. */
import { volumeClaimName } from '../../../../api/core/pod/references.ts'
import { notFound } from '../../../../api/meta/status-error.ts'
import type { CSIDriver, PersistentVolume, PersistentVolumeClaim, Pod, TokenRequest } from '../../../../api/types.ts'
import { resourceAttributes } from '../../../authorization/authorizer.ts'
import { type NodeRequest, storedPod } from './request.ts'

/** CSI drivers that mount something for the Pod, in its volumes or behind its claims. */
const driversOf = async ({ attributes: { namespace }, deps }: NodeRequest, pod: Pod): Promise<string[]> => {
  const drivers: string[] = []
  for (const podVolume of pod.spec?.volumes ?? []) {
    if (podVolume.csi !== undefined) drivers.push(podVolume.csi.driver)
    const claimName = volumeClaimName(pod, podVolume)
    if (claimName === undefined) continue
    const claim = (await deps.claims.store.getCached(`${namespace}/${claimName}`))?.object as
      | PersistentVolumeClaim
      | undefined
    const volumeName = claim?.spec?.volumeName ?? ''
    const volume =
      volumeName === '' ? undefined : ((await deps.volumes.store.getCached(volumeName))?.object as PersistentVolume)
    if (volume?.spec?.csi !== undefined) drivers.push(volume.spec.csi.driver)
  }
  return drivers
}

const usesAudience = async (request: NodeRequest, pod: Pod, audience: string): Promise<boolean> => {
  const projected = (pod.spec?.volumes ?? []).flatMap(({ projected: source }) => source?.sources ?? [])
  if (
    projected.some(
      ({ serviceAccountToken }) =>
        serviceAccountToken !== undefined && (serviceAccountToken.audience ?? '') === audience,
    )
  )
    return true
  for (const name of await driversOf(request, pod)) {
    const driver = (await request.deps.csiDrivers.store.getCached(name))?.object as CSIDriver | undefined
    if (driver?.spec?.tokenRequests?.some((wanted) => wanted.audience === audience) === true) return true
  }
  return false
}

const checkAudience = async (request: NodeRequest, pod: Pod, audiences: readonly string[]): Promise<void> => {
  const { attributes, deps, refuse } = request
  if (audiences.length > 1) refuse('node may only request 0 or 1 audiences')
  const audience = audiences[0] ?? ''
  if (await usesAudience(request, pod, audience)) return
  const { user, namespace, name } = attributes
  const verb = 'request-serviceaccounts-token-audience'
  const asked = { verb, namespace, group: '', version: 'v1', resource: audience, name }
  if ((await deps.authorizer.authorize(resourceAttributes(user, asked))).type === 'allow') return
  refuse(
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
  )
}

export const checkToken = async (request: NodeRequest): Promise<void> => {
  const { attributes, self, refuse } = request
  const { operation, subresource } = attributes
  if (operation !== 'CREATE' || subresource !== 'token') return
  const { boundObjectRef: ref, audiences = [] } = (attributes.object as TokenRequest).spec ?? {}
  const { name = '', uid = '' } = ref ?? {}
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || name === '') refuse('node requested token not bound to a pod')
  if (uid === '') refuse('node requested token with a pod binding without a uid')
  const pod = await storedPod(request, name)
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name)
  if (pod.metadata?.uid !== uid) {
    refuse(
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  if (pod.spec?.nodeName !== self) refuse('node requested token bound to a pod scheduled on a different node')
  await checkAudience(request, pod, audiences)
}
