/**
 * The Node authorizer: a kubelet may read what the Pods on its own node refer to, and little else.
 * Upstream: plugin/pkg/auth/authorizer/node
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod, ResourceSlice, VolumeAttachment } from '../../api/types.ts'
import type { Resources } from '../registry/resources.ts'
import type { Attributes, Authorizer, Decision } from './authorizer.ts'
import { nodeRules } from './bootstrap-policy/component-roles.ts'
import type { PolicyGates } from './bootstrap-policy/rule.ts'
import { nodeNameOf } from './node-identity.ts'
import { type ReferencedKind, refersTo, volumeClaimName } from '../../api/core/pod/references.ts'
import { PodsByNode } from './pods-by-node.ts'
import { ruleAllows } from './rbac-rules.ts'

const allow: Decision = { type: 'allow', reason: '' }
const noOpinion = (reason: string): Decision => ({ type: 'no-opinion', reason })

const unrelated = (node: string): Decision => noOpinion(`no relationship found between node '${node}' and this object`)

const readVerbs = new Set(['get', 'list', 'watch'])

/** True if the request's field selector fixes `field` to `value`. */
const selects = ({ fieldSelector }: Attributes, field: string, value: string): boolean =>
  fieldSelector.some((term) => term.field === field && term.op === '=' && term.value === value)

export const createNodeAuthorizer = (resources: Resources, gates: PolicyGates): Authorizer => {
  const core = (resource: string) => resources.get({ group: '', version: 'v1', resource }).store
  const podsByNode = new PodsByNode(core('pods').cache)
  const staticRules = nodeRules(gates)

  const podsRefer = async (node: string, kind: ReferencedKind, { namespace, name }: Attributes): Promise<boolean> =>
    (await podsByNode.podsOf(node)).some((pod) => pod.metadata?.namespace === namespace && refersTo(pod, kind, name))

  /** Names of the PersistentVolumes that the claims of the node's Pods are bound to. */
  const volumesOf = async (node: string): Promise<string[]> => {
    await core('persistentvolumeclaims').cache.ready()
    const names: string[] = []
    for (const pod of await podsByNode.podsOf(node)) {
      const { namespace = '' } = pod.metadata ?? {}
      for (const volume of pod.spec?.volumes ?? []) {
        const claim = volumeClaimName(pod, volume)
        if (claim === undefined) continue
        const entry = core('persistentvolumeclaims').cache.get(`${namespace}/${claim}`)
        const volumeName = (entry?.object as PersistentVolumeClaim | undefined)?.spec?.volumeName
        if (volumeName !== undefined) names.push(volumeName)
      }
    }
    return names
  }

  /** Secrets that a CSI driver needs on the node itself. */
  const volumesRefer = async (node: string, { namespace, name }: Attributes): Promise<boolean> => {
    const names = await volumesOf(node)
    if (names.length === 0) return false
    await core('persistentvolumes').cache.ready()
    return names.some((volumeName) => {
      const volume = core('persistentvolumes').cache.get(volumeName)?.object as PersistentVolume | undefined
      const csi = volume?.spec?.csi
      return [csi?.nodeStageSecretRef, csi?.nodePublishSecretRef, csi?.nodeExpandSecretRef].some(
        (reference) => reference?.name === name && reference.namespace === namespace,
      )
    })
  }

  const isAttachedHere = async (node: string, name: string): Promise<boolean> => {
    const { store } = resources.get({ group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments' })
    return ((await store.getCached(name))?.object as VolumeAttachment | undefined)?.spec.nodeName === node
  }

  const referenced = async (node: string, kind: ReferencedKind, attributes: Attributes): Promise<Decision> => {
    if (!readVerbs.has(attributes.verb) || attributes.subresource !== '')
      return noOpinion('can only read resources of this type')
    if (attributes.name === '') return noOpinion('No Object name found')
    if (await podsRefer(node, kind, attributes)) return allow
    return kind === 'secrets' && (await volumesRefer(node, attributes)) ? allow : unrelated(node)
  }

  const pods = async (node: string, attributes: Attributes): Promise<Decision> => {
    const { verb, subresource, namespace, name } = attributes
    if (subresource !== '' || verb === 'create' || verb === 'delete' || verb === 'patch' || verb === 'update')
      return byRules(attributes)
    if (verb === 'list' || verb === 'watch') {
      return selects(attributes, 'spec.nodeName', node)
        ? allow
        : noOpinion('can only list/watch pods with spec.nodeName field selector')
    }
    if (verb !== 'get') return noOpinion('')
    const pod = (await core('pods').getCached(`${namespace}/${name}`))?.object as Pod | undefined
    return pod === undefined || pod.spec?.nodeName === node ? allow : unrelated(node)
  }

  /** Writes are left to the NodeRestriction admission plugin, which knows the name of what is created, too. */
  const nodes = (node: string, attributes: Attributes): Decision => {
    const { verb, name } = attributes
    const itself = verb === 'get' ? name === node : selects(attributes, 'metadata.name', node)
    if (readVerbs.has(verb) && !itself)
      return noOpinion(`node '${node}' cannot read '${name}', only its own Node object`)
    return byRules(attributes)
  }

  const ownName = (node: string, attributes: Attributes, what: string): Decision => {
    const { verb, name } = attributes
    if (verb !== 'create' && name !== node)
      return noOpinion(`can only access ${what} with the same name as the requesting node`)
    return byRules(attributes)
  }

  /** What may be created the NodeRestriction admission plugin knows. */
  const resourceSlices = async (node: string, attributes: Attributes): Promise<Decision> => {
    const { verb, subresource, name } = attributes
    if (subresource !== '') return noOpinion('cannot access ResourceSlice subresources')
    switch (verb) {
      case 'create':
        return allow
      case 'list':
      case 'watch':
      case 'deletecollection':
        return selects(attributes, 'spec.nodeName', node)
          ? allow
          : noOpinion('can only list/watch/deletecollection resourceslices with spec.nodeName field selector')
      case 'get':
      case 'update':
      case 'patch':
      case 'delete': {
        const { store } = resources.get({ group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices' })
        const slice = (await store.getCached(name))?.object as ResourceSlice | undefined
        return slice?.spec?.nodeName === node ? allow : unrelated(node)
      }
      default:
        return noOpinion(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        )
    }
  }

  const byRules = (attributes: Attributes): Decision =>
    staticRules.some((rule) => ruleAllows(attributes, rule)) ? allow : noOpinion('')

  const decide = async (node: string, attributes: Attributes): Promise<Decision> => {
    switch (`${attributes.resource}.${attributes.group}`) {
      case 'secrets.':
        return referenced(node, 'secrets', attributes)
      case 'configmaps.':
        return referenced(node, 'configmaps', attributes)
      case 'resourceclaims.resource.k8s.io':
        return referenced(node, 'resourceclaims', attributes)
      case 'persistentvolumeclaims.':
        if (attributes.subresource === 'status')
          return (await podsRefer(node, 'persistentvolumeclaims', attributes)) ? allow : unrelated(node)
        return referenced(node, 'persistentvolumeclaims', attributes)
      case 'persistentvolumes.':
        if (attributes.verb !== 'get' || attributes.subresource !== '')
          return noOpinion('can only get individual resources of this type')
        return (await volumesOf(node)).includes(attributes.name) ? allow : unrelated(node)
      case 'volumeattachments.storage.k8s.io':
        if (attributes.verb !== 'get' || attributes.subresource !== '')
          return noOpinion('can only get individual resources of this type')
        return (await isAttachedHere(node, attributes.name)) ? allow : unrelated(node)
      case 'serviceaccounts.':
        if (attributes.subresource !== 'token' || attributes.verb !== 'create')
          return noOpinion('can only create tokens for individual service accounts')
        return (await podsRefer(node, 'serviceaccounts', attributes)) ? allow : unrelated(node)
      case 'leases.coordination.k8s.io':
        if (attributes.namespace !== 'kube-node-lease')
          return noOpinion('can only access leases in the "kube-node-lease" system namespace')
        return ownName(node, attributes, 'node lease')
      case 'csinodes.storage.k8s.io':
        return ownName(node, attributes, 'CSINode')
      case 'resourceslices.resource.k8s.io':
        return resourceSlices(node, attributes)
      case 'pods.':
        return pods(node, attributes)
      case 'nodes.':
        return nodes(node, attributes)
      default:
        return byRules(attributes)
    }
  }

  return {
    authorize: (attributes) => {
      const node = nodeNameOf(attributes.user)
      if (node === undefined) return noOpinion('')
      if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`)
      return attributes.isResourceRequest ? decide(node, attributes) : noOpinion('')
    },
  }
}
