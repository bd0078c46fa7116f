/**
 * PodNodeSelector: a namespace's annotation, or the cluster's default, says on which nodes its Pods may be; the
 * configuration can limit what a namespace's Pods may ask for.
 */
import type { ParsedText } from '../../../api/codec/json.ts'
import { forbidden, internalError, notFound, StatusError } from '../../../api/meta/status-error.ts'
import type { Namespace, Pod } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { decodeFields } from '../config/decode-config.ts'
import { mapOf, objectOf, text } from '../config/schema.ts'

type Labels = Readonly<Record<string, string>>

const annotation = 'scheduler.alpha.kubernetes.io/node-selector'
const clusterDefault = 'clusterDefaultNodeSelector'
const configSchema = objectOf('podnodeselector.pluginConfig', { podNodeSelectorPluginConfig: mapOf(text) })

/** `a=b,c=d`. Upstream: labels.ConvertSelectorToLabelsMap */
const parseSelector = (selector: string): Labels => {
  if (selector === '') return {}
  return Object.fromEntries(
    selector.split(',').map((part) => {
      const [name = '', value, ...rest] = part.split('=')
      if (value === undefined || rest.length > 0) throw internalError(`invalid selector: ${part}`)
      return [name.trim(), value.trim()]
    }),
  )
}

const conflicts = (a: Labels, b: Labels): boolean =>
  Object.entries(a).some(([name, value]) => b[name] !== undefined && b[name] !== value)

const refuse = (pod: Pod, message: string): StatusError =>
  forbidden({ group: '', resource: 'pods' }, pod.metadata?.name ?? '', message)

/** Throws ConfigError. */
export const podNodeSelector = (namespaces: Resource, configuration: ParsedText | undefined): AdmissionPlugin => {
  const decoded = configuration === undefined ? {} : decodeFields(configuration, configSchema)
  const selectors = (decoded['podNodeSelectorPluginConfig'] ?? {}) as Labels
  const ofNamespace = async (name: string): Promise<Labels> => {
    const namespace = (await namespaces.store.getCached(name))?.object as Namespace | undefined
    if (namespace === undefined) throw notFound(namespaces.groupResource, name)
    return parseSelector(namespace.metadata?.annotations?.[annotation] ?? selectors[clusterDefault] ?? '')
  }
  const check = async (attributes: AdmissionAttributes): Promise<void> => {
    const pod = attributes.object as Pod
    const own = pod.spec?.nodeSelector ?? {}
    if (conflicts(await ofNamespace(attributes.namespace), own))
      throw refuse(pod, 'pod node label selector conflicts with its namespace node label selector')
    const allowed = parseSelector(selectors[attributes.namespace] ?? '')
    const isAllowed =
      Object.keys(allowed).length === 0 || Object.entries(own).every(([name, value]) => allowed[name] === value)
    if (!isAllowed) throw refuse(pod, 'pod node label selector labels conflict with its namespace whitelist')
  }
  return {
    name: 'PodNodeSelector',
    operations: ['CREATE'],
    admit: async (attributes) => {
      const pod = attributes.object as Pod
      if (!isResource(attributes, 'pods') || pod.spec === undefined) return
      const wanted = await ofNamespace(attributes.namespace)
      const own = pod.spec.nodeSelector ?? {}
      if (conflicts(wanted, own))
        throw refuse(pod, 'pod node label selector conflicts with its namespace node label selector')
      const merged = { ...wanted, ...own }
      if (Object.keys(merged).length > 0) pod.spec.nodeSelector = merged
      await check(attributes)
    },
    validate: (attributes) => (isResource(attributes, 'pods') ? check(attributes) : undefined),
  }
}
