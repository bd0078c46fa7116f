/** `--token-auth-file`: lines of token,user,uid,"group1,group2". */
import { timingSafeEqual } from 'node:crypto'
import type { TokenAuthenticator } from './authenticator.ts'
import type { UserInfo } from './user.ts'

const parseLine = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  )

const sameText = (a: string, b: string): boolean => {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

export const tokenFile = (text: string): TokenAuthenticator => {
  const entries = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): readonly [string, UserInfo] => {
      const [token = '', name = '', uid = '', groups = ''] = parseLine(line)
      return [
        token,
        {
          name,
          uid,
          groups: groups
            .split(',')
            .map((group) => group.trim())
            .filter((group) => group !== ''),
          extra: {},
        },
      ]
    })
  return async (token) => entries.find(([known]) => sameText(known, token))?.[1]
}
