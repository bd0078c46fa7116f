/** `--token-auth-file`: lines of token,user,uid,"group1,group2". Upstream: authentication/token/tokenfile */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { TokenAuthenticator } from './authenticator.ts'
import type { UserInfo } from './user.ts'

/** One line of comma-separated values; a field in quotes may have commas, and quotes doubled. */
const fieldsOf = (line: string): string[] =>
  [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Throws for a file that is none. A token that stands there twice is the later one's; an empty one is nobody's. */
export const tokenFile = (text: string, path: string): TokenAuthenticator => {
  const users = new Map<string, UserInfo>()
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue
    const fields = fieldsOf(line)
    const [token = '', name = '', uid = '', groups] = fields
    if (fields.length < 3) {
      throw new Error(
        `token file '${path}' must have at least 3 columns (token, user name, user uid), found ${fields.length}`,
      )
    }
    if (token !== '') users.set(token, { name, uid, groups: groups === undefined ? [] : groups.split(','), extra: {} })
  }
  // Digests are of one length, and take the same time to compare whatever is in them.
  const entries = [...users].map(([token, user]) => [digest(token), user] as const)
  return async (token) => {
    const given = digest(token)
    return entries.find(([known]) => timingSafeEqual(known, given))?.[1]
  }
}
