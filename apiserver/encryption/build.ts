/** From a configuration to the transformer of each resource. Upstream: pkg/server/options/encryptionconfig/config.go */
import type { Logger } from '../../component-base/logging/logger.ts'
import { aesCbc, aesGcm } from './aes.ts'
import type { EncryptionConfiguration, KmsProvider, NamedKey, Provider } from './config.ts'
import { identity } from './identity.ts'
import { envelope } from './kms/envelope.ts'
import { KmsProbe } from './kms/probe.ts'
import { createKmsService } from './kms/service.ts'
import type { EncryptionMetrics } from './metrics.ts'
import { parseResourceName, type ResourceName, resourceNameText } from './resource-names.ts'
import { secretbox } from './secretbox.ts'
import {
  type ObserveTransformation,
  type PrefixTransformer,
  prefixTransformers,
  type Transformer,
} from './transformer.ts'

export interface Transformers {
  readonly usesKms: boolean
  /** The transformer of a resource: by its name, its group's wildcard, or that of all. */
  of(resource: ResourceName): Transformer
  /** Rejects while a plugin is not well. */
  check(): Promise<void>
  /** How long a plugin's connection is needed after another configuration has taken over. */
  readonly graceMs: number
  close(): void
}

export interface BuildDependencies {
  readonly log: Logger
  readonly metrics: EncryptionMetrics
}

interface Kms {
  readonly probe: KmsProbe
  readonly timeoutMs: number
}

const cipherOf = { aesgcm: aesGcm, aescbc: aesCbc, secretbox } as const

const keyed = (type: keyof typeof cipherOf, keys: readonly NamedKey[]): PrefixTransformer => {
  const [first, ...rest] = keys.map(
    ({ name, secret }): PrefixTransformer => ({
      prefix: Buffer.from(`${name}:`),
      transformer: cipherOf[type](Buffer.from(secret, 'base64')),
    }),
  )
  if (first === undefined) throw new Error(`${type} provider has no valid keys`)
  const provider = type === 'secretbox' ? 'Secretbox' : 'AES'
  return {
    prefix: Buffer.from(`k8s:enc:${type}:v1:`),
    transformer: prefixTransformers(
      [first, ...rest],
      `no matching key was found for the provided ${provider} transformer`,
    ),
  }
}

const refuseV1 =
  'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead. Set --feature-gates=KMSv1=true to use the deprecated KMSv1 feature.'

const kmsEnvelope = (kms: KmsProvider, { log, metrics }: BuildDependencies): PrefixTransformer & Kms => {
  if (kms.apiVersion === 'v1') throw new Error(refuseV1)
  const ofPlugin = metrics.kms(kms.name)
  const service = createKmsService(kms, ofPlugin)
  const probe = new KmsProbe({ name: kms.name, service, log, metrics: ofPlugin })
  return {
    prefix: Buffer.from(`k8s:enc:kms:v2:${kms.name}:`),
    transformer: envelope({ service, probe, metrics: ofPlugin }),
    probe,
    timeoutMs: kms.timeoutMs,
  }
}

const noPrefix = Buffer.alloc(0)

/** `*.apps` before `deployments.apps`: the later rule could never be used. */
const checkMasked = (resource: ResourceName, earlier: ReadonlyMap<string, unknown>): void => {
  for (const wide of [
    { group: resource.group, resource: '*' },
    { group: '*', resource: '*' },
  ]) {
    if (!earlier.has(resourceNameText(wide))) continue
    throw new Error(
      `resource ${JSON.stringify(resourceNameText(resource))} is masked by earlier rule ${JSON.stringify(resourceNameText(wide))}`,
    )
  }
}

/** Throws an Error in upstream's words; plugins are asked for the first time before it resolves. */
export const buildTransformers = async (
  configuration: EncryptionConfiguration,
  deps: BuildDependencies,
): Promise<Transformers> => {
  const plugins: Kms[] = []
  const transformerOf = (provider: Provider): PrefixTransformer => {
    switch (provider.type) {
      case 'identity':
        return { prefix: noPrefix, transformer: identity }
      case 'kms': {
        const kms = kmsEnvelope(provider.kms, deps)
        plugins.push(kms)
        return kms
      }
      case 'aesgcm':
      case 'aescbc':
      case 'secretbox':
        return keyed(provider.type, provider.keys)
    }
  }
  const lists = new Map<string, PrefixTransformer[]>()
  const close = (): void => {
    for (const { probe } of plugins) probe.close()
  }
  try {
    for (const { resources, providers } of configuration.resources) {
      const transformers = providers.map(transformerOf)
      for (const text of resources) {
        const resource = parseResourceName(text)
        checkMasked(resource, lists)
        const name = resourceNameText(resource)
        lists.set(name, [...(lists.get(name) ?? []), ...transformers])
      }
    }
  } catch (error) {
    close()
    throw error
  }
  await Promise.all(plugins.map(({ probe }) => probe.start()))
  return {
    usesKms: plugins.length > 0,
    graceMs: 2 * plugins.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0),
    of: (resource) => {
      const candidates = [resource, { group: resource.group, resource: '*' }, { group: '*', resource: '*' }]
      const list = candidates.map((name) => lists.get(resourceNameText(name))).find((found) => found !== undefined)
      return joined(list, deps.metrics.transformations(resourceNameText(resource)))
    },
    check: async () => {
      const results = await Promise.allSettled(plugins.map(({ probe }) => probe.check()))
      const failed = results.flatMap((result, index) =>
        result.status === 'rejected' ? [`kms-provider-${index}: ${(result.reason as Error).message}`] : [],
      )
      if (failed.length > 0) throw new Error(failed.length === 1 ? failed[0] : `[${failed.join(', ')}]`)
    },
    close,
  }
}

const joined = (list: readonly PrefixTransformer[] | undefined, observe: ObserveTransformation): Transformer => {
  const [first, ...rest] = list ?? []
  return first === undefined ? identity : prefixTransformers([first, ...rest], 'no matching prefix found', observe)
}
