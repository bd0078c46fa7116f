/** From the flags of authorization to the list of authorizers; bad values are refused in upstream's words. */
import { readFileSync } from 'node:fs'
import type { FlagValues } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { type AbacPolicy, parseAbacPolicies } from './abac-policy.ts'
import {
  type AuthorizerConfig,
  type AuthorizerConfigs,
  type AuthorizerType,
  authorizerTypeOf,
} from './configuration.ts'
import { parseAuthorizationConfiguration } from './configuration-file.ts'
import type { authorizationFlags } from './flags.ts'

export interface AuthorizationConfig {
  readonly authorizers: AuthorizerConfigs
  /** Followed while the server runs; undefined where flags say it all. */
  readonly file: { readonly path: string; readonly text: string } | undefined
  readonly abac: readonly AbacPolicy[]
}

type Flags = FlagValues<typeof authorizationFlags>

const olderFlags = [
  'authorization-mode',
  'authorization-webhook-config-file',
  'authorization-webhook-version',
  'authorization-webhook-cache-authorized-ttl',
  'authorization-webhook-cache-unauthorized-ttl',
] as const

/** All that is wrong with the modes, each a sentence. */
const modeErrors = (flags: Flags): string[] => {
  const modes = flags['authorization-mode']
  const policyFile = flags['authorization-policy-file']
  const webhookFile = flags['authorization-webhook-config-file']
  const errors: string[] = []
  if (modes.length === 0) errors.push('at least one authorization-mode must be passed')
  for (const mode of modes) {
    if (authorizerTypeOf(mode) === undefined)
      errors.push(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`)
    if (mode === 'ABAC' && policyFile === '')
      errors.push("authorization-mode ABAC's authorization policy file not passed")
    if (mode === 'Webhook' && webhookFile === '')
      errors.push("authorization-mode Webhook's authorization config file not passed")
  }
  if (policyFile !== '' && !modes.includes('ABAC'))
    errors.push('cannot specify --authorization-policy-file without mode ABAC')
  if (webhookFile !== '' && !modes.includes('Webhook'))
    errors.push('cannot specify --authorization-webhook-config-file without mode Webhook')
  if (new Set(modes).size !== modes.length) {
    const quoted = modes.map((mode) => JSON.stringify(mode)).join(' ')
    errors.push(`authorization-mode [${quoted}] has mode specified more than once`)
  }
  return errors
}

const webhookOfFlags = (flags: Flags): AuthorizerConfig => {
  const version = flags['authorization-webhook-version']
  if (version !== 'v1' && version !== 'v1beta1') {
    throw new UsageError(
      `unsupported webhook authorizer version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    )
  }
  return {
    type: 'Webhook',
    name: 'default',
    webhook: {
      timeoutMs: 30_000,
      authorizedTtlMs: flags['authorization-webhook-cache-authorized-ttl'],
      unauthorizedTtlMs: flags['authorization-webhook-cache-unauthorized-ttl'],
      version,
      matchConditions: [],
      failurePolicy: 'NoOpinion',
      connection: { type: 'KubeConfigFile', path: flags['authorization-webhook-config-file'] },
    },
  }
}

const authorizersOfFlags = (flags: Flags): AuthorizerConfigs => {
  const [first, ...more] = modeErrors(flags)
  if (first !== undefined) throw new UsageError(more.length === 0 ? first : `[${[first, ...more].join(', ')}]`)
  const types = flags['authorization-mode'].map(authorizerTypeOf).filter((type) => type !== undefined)
  return types.map((type: AuthorizerType) =>
    type === 'Webhook' ? webhookOfFlags(flags) : { type, name: type.toLowerCase() },
  )
}

const readAbac = (path: string): readonly AbacPolicy[] => {
  if (path === '') return []
  try {
    return parseAbacPolicies(readFileSync(path, 'utf8'), path)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Throws UsageError. */
export const authorizationConfig = (flags: Flags, isSet: (name: keyof Flags) => boolean): AuthorizationConfig => {
  const path = flags['authorization-config']
  const abac = readAbac(flags['authorization-policy-file'])
  if (path === '') return { authorizers: authorizersOfFlags(flags), file: undefined, abac }
  if (olderFlags.some(isSet)) {
    throw new UsageError(
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
    )
  }
  try {
    const text = readFileSync(path, 'utf8')
    return { authorizers: parseAuthorizationConfiguration(text), file: { path, text }, abac }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
