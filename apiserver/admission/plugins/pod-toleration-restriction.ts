/**
 * PodTolerationRestriction: a namespace's annotations, or the configuration, give its Pods tolerations and say which
 * ones they may have.
 */
import { decodeValue } from '../../../api/codec/decode.ts'
import { DecodeError } from '../../../api/codec/decode-context.ts'
import type { ParsedText } from '../../../api/codec/json.ts'
import { notFound, StatusError } from '../../../api/meta/status-error.ts'
import { qosClass } from '../../../api/meta/pods.ts'
import type { Namespace, Pod, Toleration } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { decodeConfig } from '../config/decode-config.ts'
import { integer64, listOf, objectOf, text } from '../config/schema.ts'
import { areAllowed, mergeTolerations } from './merge-tolerations.ts'

const tolerations = listOf(
  objectOf('v1.Toleration', { key: text, operator: text, value: text, effect: text, tolerationSeconds: integer64 }),
)

const configKind = {
  kind: 'Configuration',
  apiVersions: ['podtolerationrestriction.admission.k8s.io/v1alpha1'],
  fields: { default: tolerations, whitelist: tolerations },
}

const annotations = {
  default: 'scheduler.alpha.kubernetes.io/defaultTolerations',
  whitelist: 'scheduler.alpha.kubernetes.io/tolerationsWhitelist',
} as const

type Lists = Readonly<Partial<Record<keyof typeof annotations, readonly Toleration[]>>>

const memoryPressure: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** Upstream answers these with errors that have no reason of their own. */
const plainError = (message: string): StatusError => new StatusError('', message)

const parse = (json: string): readonly Toleration[] => {
  if (json === '') return []
  try {
    return (decodeValue(tolerations, JSON.parse(json)).value ?? []) as readonly Toleration[]
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DecodeError) throw plainError(error.message)
    throw error
  }
}

/** The namespace's own list, or the cluster's. */
const listFor = async (
  { namespace }: AdmissionAttributes,
  which: keyof typeof annotations,
  namespaces: Resource,
  cluster: Lists,
): Promise<readonly Toleration[]> => {
  const found = (await namespaces.store.getCached(namespace))?.object as Namespace | undefined
  if (found === undefined) throw notFound(namespaces.groupResource, namespace)
  const annotation = found.metadata?.annotations?.[annotations[which]]
  return annotation === undefined ? (cluster[which] ?? []) : parse(annotation)
}

/** Throws ConfigError. */
export const podTolerationRestriction = (
  namespaces: Resource,
  configuration: ParsedText | undefined,
): AdmissionPlugin => {
  const cluster: Lists = configuration === undefined ? {} : decodeConfig(configuration, configKind)
  const check = async (attributes: AdmissionAttributes): Promise<void> => {
    const present = (attributes.object as Pod).spec?.tolerations ?? []
    if (present.length === 0) return
    if (areAllowed(present, await listFor(attributes, 'whitelist', namespaces, cluster))) return
    throw plainError(
      'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
    )
  }
  return {
    name: 'PodTolerationRestriction',
    operations: ['CREATE', 'UPDATE'],
    admit: async (attributes) => {
      if (!isResource(attributes, 'pods')) return
      const pod = attributes.object as Pod
      if (pod.spec === undefined) return
      let wanted: Toleration[] = pod.spec.tolerations ?? []
      if (attributes.operation === 'CREATE') {
        const defaults = await listFor(attributes, 'default', namespaces, cluster)
        // Copies: what is given to a Pod is changed with it.
        if (defaults.length > 0) wanted = mergeTolerations(structuredClone(defaults), wanted)
      }
      if (qosClass(pod) !== 'BestEffort') wanted = mergeTolerations(wanted, [{ ...memoryPressure }])
      if (wanted.length > 0) pod.spec.tolerations = wanted
      await check(attributes)
    },
    validate: (attributes) => (isResource(attributes, 'pods') ? check(attributes) : undefined),
  }
}
