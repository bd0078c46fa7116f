/** Bootstrap tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system. */
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../component-base/clock.ts'
import type { Secret } from '../../api/types.ts'
import type { Resources } from '../registry/resources.ts'
import type { TokenAuthenticator } from './authenticator.ts'

export const bootstrapTokens =
  (resources: Resources, clock: Clock): TokenAuthenticator =>
  async (token) => {
    const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token)
    if (match === null) return undefined
    const [, id = '', secretText = ''] = match
    const { store } = resources.get({ group: '', version: 'v1', resource: 'secrets' })
    const secret = (await store.getCached(`kube-system/bootstrap-token-${id}`))?.object as Secret | undefined
    if (
      secret === undefined ||
      secret.type !== 'bootstrap.kubernetes.io/token' ||
      secret.metadata?.deletionTimestamp !== undefined
    ) {
      return undefined
    }
    const value = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8')
    const wanted = Buffer.from(value('token-secret'))
    const given = Buffer.from(secretText)
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given) || value('token-id') !== id) return undefined
    const expiration = value('expiration')
    if (expiration !== '' && !(Date.parse(expiration) > clock.now())) return undefined
    if (value('usage-bootstrap-authentication') !== 'true') return undefined
    const extra = value('auth-extra-groups')
      .split(',')
      .filter((group) => group.startsWith('system:bootstrappers:'))
    return { name: `system:bootstrap:${id}`, uid: '', groups: ['system:bootstrappers', ...extra], extra: {} }
  }
