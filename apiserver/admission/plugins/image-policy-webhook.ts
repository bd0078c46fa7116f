/**
 * ImagePolicyWebhook: another service says which images Pods may use. Upstream: plugin/pkg/admission/imagepolicy
 *
 * What it answers is remembered for a while, by images, annotations and namespace. When it does not answer, `defaultAllow`
 * decides, and leaves a mark on the Pod.
 */
import type { ParsedText } from '../../../api/codec/json.ts'
import type { Pod } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { loadKubeconfig } from '../../../component-base/kubeconfig.ts'
import { createWebhook, isPassing, type Webhook, withRetries } from '../../webhook/webhook.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { ConfigError, decodeFields } from '../config/decode-config.ts'
import { bool, integer64, objectOf, text } from '../config/schema.ts'
import { admissionForbidden } from '../forbidden.ts'

const configSchema = objectOf('v1alpha1.ImagePolicyWebhookConfiguration', {
  kind: text,
  apiVersion: text,
  imagePolicy: objectOf('v1alpha1.ImagePolicy', {
    kubeConfigFile: text,
    allowTTL: integer64,
    denyTTL: integer64,
    retryBackoff: integer64,
    defaultAllow: bool,
  }),
})

const prefix = 'imagepolicywebhook.image-policy.k8s.io/'
const failedOpen = 'alpha.image-policy.k8s.io/failed-open'
const maxRemembered = 1024
const secondMs = 1000
const halfHourMs = 1_800_000
const disabled = -1

/** A duration that the file gives in units of `unitMs`: 0 is the default, -1 none at all. Throws ConfigError. */
const duration = (
  value: number,
  unitMs: number,
  defaultMs: number,
  range: readonly [string, number, string, number],
) => {
  if (value === disabled) return 0
  if (value === 0) return defaultMs
  const [minText, minMs, maxText, maxMs] = range
  const ms = value * unitMs
  if (ms < minMs || ms > maxMs) {
    throw new ConfigError(`valid value is between ${minText} and ${maxText}, got ${ms / secondMs}s`)
  }
  return ms
}

interface Settings {
  readonly kubeConfigFile: string
  readonly allowMs: number
  readonly denyMs: number
  readonly backoffMs: number
  readonly defaultAllow: boolean
}

const parseSettings = (configuration: ParsedText | undefined): Settings => {
  if (configuration === undefined) throw new ConfigError('no config specified')
  const { imagePolicy = {} } = decodeFields(configuration, configSchema) as {
    imagePolicy?: {
      kubeConfigFile?: string
      allowTTL?: number
      denyTTL?: number
      retryBackoff?: number
      defaultAllow?: boolean
    }
  }
  const ttl = ['1s', secondMs, '30m0s', halfHourMs] as const
  return {
    kubeConfigFile: imagePolicy.kubeConfigFile ?? '',
    backoffMs: duration(imagePolicy.retryBackoff ?? 0, 1, 500, ['1ns', 0, '5m0s', 300_000]),
    allowMs: duration(imagePolicy.allowTTL ?? 0, secondMs, 300_000, ttl),
    denyMs: duration(imagePolicy.denyTTL ?? 0, secondMs, 30_000, ttl),
    defaultAllow: imagePolicy.defaultAllow ?? false,
  }
}

interface ReviewStatus {
  readonly allowed?: boolean
  readonly reason?: string
  readonly auditAnnotations?: Readonly<Record<string, string>>
}

/** What is asked of the service: the images that the request brings, and annotations that are meant for it. */
const specOf = ({ object, subresource, namespace }: AdmissionAttributes): string => {
  const { spec, metadata } = object as Pod
  const containers =
    subresource === ''
      ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
      : (spec?.ephemeralContainers ?? [])
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([name]) =>
    name.includes('.image-policy.k8s.io/'),
  )
  return JSON.stringify({
    containers: containers.map(({ image = '' }) => ({ image })),
    ...(annotations.length === 0
      ? {}
      : { annotations: Object.fromEntries(annotations.toSorted(([a], [b]) => (a < b ? -1 : 1))) }),
    namespace,
  })
}

const openWebhook = (file: string): Webhook => {
  try {
    return createWebhook(loadKubeconfig(file), 'kube-apiserver')
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/** Throws ConfigError. */
export const imagePolicyWebhook = (configuration: ParsedText | undefined, clock: Clock): AdmissionPlugin => {
  const settings = parseSettings(configuration)
  const webhook = openWebhook(settings.kubeConfigFile)
  const remembered = new Map<string, { readonly status: ReviewStatus; readonly untilMs: number }>()

  const remember = (spec: string, status: ReviewStatus): void => {
    remembered.delete(spec)
    remembered.set(spec, {
      status,
      untilMs: clock.now() + (status.allowed === true ? settings.allowMs : settings.denyMs),
    })
    const oldest = remembered.keys().next().value
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest)
  }

  const ask = async (spec: string): Promise<ReviewStatus> => {
    const known = remembered.get(spec)
    if (known !== undefined && known.untilMs > clock.now()) return known.status
    const review = `{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{},"spec":${spec},"status":{"allowed":false}}`
    const answer = await withRetries(() => webhook.call(review), {
      initialMs: settings.backoffMs,
      shouldRetry: isPassing,
    })
    const { status = {} } = JSON.parse(answer) as { status?: ReviewStatus }
    remember(spec, status)
    return status
  }

  const askOrDefault = async (attributes: AdmissionAttributes): Promise<ReviewStatus> => {
    try {
      return await ask(specOf(attributes))
    } catch (error) {
      if (!settings.defaultAllow) throw admissionForbidden(attributes, (error as Error).message)
      const metadata = (attributes.object as Pod).metadata ?? {}
      metadata.annotations = { ...metadata.annotations, [failedOpen]: 'true' }
      return { allowed: true, auditAnnotations: { 'failed-open': 'true' } }
    }
  }

  return {
    name: 'ImagePolicyWebhook',
    operations: ['CREATE', 'UPDATE'],
    validate: async (attributes) => {
      const { subresource } = attributes
      if (subresource !== '' && subresource !== 'ephemeralcontainers') return
      if (!isResource(attributes, 'pods', subresource)) return
      const { allowed = false, reason = '', auditAnnotations = {} } = await askOrDefault(attributes)
      for (const [key, value] of Object.entries(auditAnnotations)) attributes.annotate(`${prefix}${key}`, value)
      if (allowed) return
      throw admissionForbidden(
        attributes,
        reason === ''
          ? 'one or more images rejected by webhook backend'
          : `image policy webhook backend denied one or more images: ${reason}`,
      )
    },
  }
}
