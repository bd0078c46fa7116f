/** Whom a request wants to be: the Impersonate-* headers. Upstream: processImpersonationHeaders */
import { badRequest } from '../../api/meta/status-error.ts'
import { percentDecoded } from '../authentication/percent-decoded.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { ApiRequest } from '../server/message.ts'

const extraPrefix = 'impersonate-extra-'

const quoted = (text: string): string => JSON.stringify(text)
const list = (texts: readonly string[]): string => `[]string{${texts.map(quoted).join(', ')}}`

/** As Go prints the struct: that is what upstream's message has. */
const shown = ({ name, uid, groups, extra }: UserInfo): string => {
  const keys = Object.keys(extra).toSorted()
  const entries = keys.map((key) => `${quoted(key)}:${list(extra[key] ?? [])}`).join(', ')
  const groupsText = groups.length === 0 ? '[]string(nil)' : list(groups)
  const extraText = keys.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries}}`
  return `&user.DefaultInfo{Name:${quoted(name)}, UID:${quoted(uid)}, Groups:${groupsText}, Extra:${extraText}}`
}

/** undefined: nobody else. Throws BadRequest where there is no name among what is wanted. */
export const wantedUser = ({ headersDistinct: headers }: ApiRequest): UserInfo | undefined => {
  const name = headers['impersonate-user']?.[0] ?? ''
  const uid = headers['impersonate-uid']?.[0] ?? ''
  const groups = headers['impersonate-group'] ?? []
  const extra: Record<string, readonly string[]> = Object.create(null)
  for (const header in headers) {
    if (!header.startsWith(extraPrefix)) continue
    const key = percentDecoded(header.slice(extraPrefix.length))
    extra[key] = [...(extra[key] ?? []), ...(headers[header] ?? [])]
  }
  const wanted = { name, uid, groups, extra }
  if (name !== '') return wanted
  if (uid === '' && groups.length === 0 && Object.keys(extra).length === 0) return undefined
  throw badRequest(`requested ${shown(wanted)} without impersonating a user name`)
}
