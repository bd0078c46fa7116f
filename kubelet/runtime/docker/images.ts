/** Images of the engine. All kubelets of one machine share them: what the user's Docker has is at once usable. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { lstat, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Image, ImageService } from '../runtime-service.ts'
import { type Docker, engineMessage, orUndefined, statusCode, unlessGone } from './client.ts'

/** Image IDs as Pod status shows them; an ID never changes its meaning, so the memory needs no expiry. */
const statusIds = new Map<string, string>()
const maxRememberedIds = 1000

/** `docker-pullable://name@digest` where the image came from a registry, else `docker://sha256:…`. */
export const imageIdFor = async (docker: Docker, id: string): Promise<string> => {
  const known = statusIds.get(id)
  if (known !== undefined) return known
  const info = await orUndefined(docker.getImage(id).inspect())
  const digest = info?.RepoDigests?.[0]
  const shown = digest === undefined ? `docker://${id}` : `docker-pullable://${digest}`
  if (info !== undefined) {
    if (statusIds.size >= maxRememberedIds) statusIds.clear()
    statusIds.set(id, shown)
  }
  return shown
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Reads the progress of a pull to its end; an error in it is thrown. */
const followPull = async (stream: Readable): Promise<void> => {
  let rest = ''
  const out = stream.pipe(new PassThrough())
  stream.on('error', (error) => out.destroy(error))
  out.setEncoding('utf8')
  for await (const chunk of out as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.filter((text) => text.trim() !== '')) {
      const message: unknown = JSON.parse(line)
      if (isRecord(message) && typeof message['error'] === 'string') throw new Error(message['error'])
    }
  }
}

/** By way of a container that never starts: the engine gives the files of those alone. */
const extract = async (docker: Docker, id: string, folder: string): Promise<void> => {
  const container = await docker.createContainer({
    name: `k8s_image-volume_${randomUUID()}`,
    Image: id,
    Entrypoint: ['/never-started'],
    NetworkDisabled: true,
  })
  try {
    const tar = spawn('tar', ['-x', '--numeric-owner', '-p', '-C', folder], { stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    tar.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-1000)))
    const ended = once(tar, 'close') as Promise<[number | null]>
    ended.catch(() => undefined) // told where it is awaited, if it comes to that
    await pipeline(await container.export(), tar.stdin)
    const [code] = await ended
    if (code !== 0) throw new Error(`the image cannot be unpacked: ${stderr.trim()}`)
  } finally {
    await unlessGone(container.remove({ force: true, v: true }))
  }
  await removeMountPoints(folder)
}

/** What the engine makes in every container, for its mounts, is no part of the image. All of it is empty. */
const mountPoints =
  '.dockerenv dev/console etc/hostname etc/hosts etc/mtab etc/resolv.conf dev/pts dev/shm dev etc proc sys'.split(' ')

const removeMountPoints = async (folder: string): Promise<void> => {
  for (const name of mountPoints) {
    const path = join(folder, name)
    const info = await lstat(path).catch(() => undefined)
    if (info?.isDirectory() === true) await rmdir(path).catch(() => undefined)
    else if (info !== undefined && (info.size === 0 || info.isSymbolicLink())) await rm(path)
  }
}

/** `folder` is where the engine keeps its data. */
export const createImages = (docker: Docker, folder: string): ImageService => ({
  listImages: async () => {
    const infos = await docker.listImages()
    const real = (name: string): boolean => !name.startsWith('<none>')
    return infos.map(
      (info): Image => ({
        id: info.Id,
        repoTags: (info.RepoTags ?? []).filter(real),
        repoDigests: (info.RepoDigests ?? []).filter(real),
        sizeBytes: info.Size,
        user: '',
        pinned: false,
      }),
    )
  },
  imageStatus: async (reference) => {
    const info = await orUndefined(docker.getImage(reference).inspect())
    if (info === undefined) return undefined
    return {
      id: info.Id,
      repoTags: info.RepoTags ?? [],
      repoDigests: info.RepoDigests ?? [],
      sizeBytes: info.Size,
      user: info.Config.User,
      pinned: false,
    }
  },
  pullImage: async (reference, auth, signal) => {
    try {
      const stream = (await docker.pull(reference, {
        abortSignal: signal,
        ...(auth === undefined
          ? {}
          : { authconfig: { username: auth.username, password: auth.password, serveraddress: auth.serverAddress } }),
      })) as Readable
      await followPull(stream)
    } catch (error) {
      throw new Error(`Error response from daemon: ${engineMessage(error)}`, { cause: error })
    }
    const info = await docker.getImage(reference).inspect()
    return info.Id
  },
  removeImage: async (reference) => {
    try {
      await docker.getImage(reference).remove({})
    } catch (error) {
      if (statusCode(error) !== 404) throw error
    }
  },
  extractImage: (id, target) => extract(docker, id, target),
  imageFolder: async () => folder,
})
