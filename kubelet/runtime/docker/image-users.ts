/**
 * Users and groups as an image names them. Docker looks up a user's groups itself, but only where no group is given
 * beside the user: for the rest the image's files are read, once an image, from a container that never starts.
 */
import { randomUUID } from 'node:crypto'
import { type Docker, statusCode, unlessGone } from './client.ts'
import { type Owner, ownerLabels } from './labels.ts'

interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

interface Group {
  readonly gid: number
  readonly members: readonly string[]
}

export interface ImageUsers {
  readonly users: readonly User[]
  readonly groups: readonly Group[]
}

const lines = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))

/** `/etc/passwd` and `/etc/group`; lines without numbers are passed over. */
export const parseUsers = (passwd: string, group: string): ImageUsers => ({
  users: lines(passwd)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid)),
  groups: lines(group)
    .map(([, , gid, members = '']) => ({ gid: Number(gid), members: members.split(',').filter(Boolean) }))
    .filter(({ gid }) => Number.isInteger(gid)),
})

/** By name or number; undefined for one that the image does not name. */
const findUser = ({ users }: ImageUsers, user: string): User | undefined =>
  users.find(({ name }) => name === user) ?? users.find(({ uid }) => String(uid) === user)

/** Groups that list the user as a member. */
export const groupsOf = (all: ImageUsers, user: string): number[] => {
  const found = findUser(all, user)
  return found === undefined
    ? []
    : all.groups.filter(({ members }) => members.includes(found.name)).map(({ gid }) => gid)
}

/** Root's for a user without an entry, as runtimes have it. */
export const primaryGroupOf = (all: ImageUsers, user: string): number => findUser(all, user)?.gid ?? 0

const blockBytes = 512
const maxFileBytes = 1024 * 1024

/** The first file of a tar archive as text; '' if it is no plain file, or too large to be such a list. */
export const firstFile = (tar: Buffer): string => {
  const size = Number.parseInt(tar.toString('latin1', 124, 136), 8)
  const type = tar.toString('latin1', 156, 157)
  if ((type !== '0' && type !== '\0') || !(size <= maxFileBytes)) return ''
  return tar.toString('utf8', blockBytes, blockBytes + size)
}

const readFile = async (container: ReturnType<Docker['getContainer']>, path: string): Promise<string> => {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of await container.getArchive({ path })) chunks.push(chunk as Buffer)
    return firstFile(Buffer.concat(chunks))
  } catch (error) {
    if (statusCode(error) === 404) return '' // an image without users
    throw error
  }
}

/** Images never change under their ID. */
const maxRemembered = 200

export type ReadImageUsers = (imageId: string) => Promise<ImageUsers>

export const createImageUsers = (docker: Docker, owner: Owner): ReadImageUsers => {
  const known = new Map<string, Promise<ImageUsers>>()
  const read = async (image: string): Promise<ImageUsers> => {
    const container = await docker.createContainer({
      name: `k8s_image-users_${randomUUID()}`,
      Image: image,
      Entrypoint: ['/never-started'],
      NetworkDisabled: true,
      Labels: ownerLabels(owner),
    })
    try {
      return parseUsers(await readFile(container, '/etc/passwd'), await readFile(container, '/etc/group'))
    } finally {
      await unlessGone(container.remove({ force: true, v: true }))
    }
  }
  return (image) => {
    const found = known.get(image)
    if (found !== undefined) return found
    const reading = read(image)
    if (known.size >= maxRemembered) known.clear()
    known.set(image, reading)
    reading.catch(() => known.delete(image))
    return reading
  }
}

/** Docker's `User` and `GroupAdd`. */
export interface EngineUser {
  readonly user: string
  readonly groups: readonly number[]
}

export interface UserRequest {
  /** `uid`, `uid:gid`, a name of the image's, or '' for root. */
  readonly user: string
  readonly supplementalGroups: readonly number[]
  readonly policy: 'Merge' | 'Strict'
}

/** A group beside the user keeps the engine from adding the image's own: that is Strict, and Merge puts them back. */
export const engineUser = async (
  { user, supplementalGroups, policy }: UserRequest,
  imageUsers: () => Promise<ImageUsers>,
): Promise<EngineUser> => {
  const [name = '', group] = user.split(':')
  if (policy === 'Merge') {
    const own = group === undefined ? [] : groupsOf(await imageUsers(), name)
    return { user, groups: [...new Set([...supplementalGroups, ...own])] }
  }
  const uid = name === '' ? '0' : name
  const gid = group ?? primaryGroupOf(await imageUsers(), uid)
  return { user: `${uid}:${gid}`, groups: supplementalGroups }
}
