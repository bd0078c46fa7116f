import assert from 'node:assert/strict'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { unmountUnder } from '../volumes/mount.ts'
import { bindSubPath, openSubPath } from './sub-path.ts'

describe('a sub-path', { skip: process.getuid?.() !== 0 && 'only root can mount' }, () => {
  let folder = ''
  let volume = ''
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'subpath-')))
    volume = join(folder, 'volume')
    await mkdir(join(volume, 'data'), { recursive: true })
    await chmod(volume, 0o2777)
    await writeFile(join(volume, 'data/file'), 'inside')
    await writeFile(join(folder, 'secret'), 'outside')
    await symlink('data', join(volume, 'link'))
    await symlink('/etc', join(volume, 'out'))
    await symlink('../../secret', join(volume, 'data/up'))
    await symlink('/nonexistent', join(volume, 'dangling'))
  })
  after(async () => {
    await unmountUnder(folder)
    await rm(folder, { recursive: true })
  })
  /** The path that a handle stands for. */
  const reached = async (subPath: string): Promise<string> => {
    await using handle = await openSubPath(volume, subPath)
    return await realpath(`/proc/self/fd/${handle.fd}`)
  }

  it('is found inside the volume, by links that stay there too', async () => {
    assert.equal(await reached('data'), join(volume, 'data'))
    assert.equal(await reached('./data//file'), join(volume, 'data/file'))
    assert.equal(await reached('link/file'), join(volume, 'data/file'))
  })

  it('is made with the mode of the volume where there is nothing', async () => {
    assert.equal(await reached('link/a/b'), join(volume, 'data/a/b'))
    for (const made of ['data/a', 'data/a/b']) assert.equal((await stat(join(volume, made))).mode & 0o7777, 0o2777)
  })

  it('never leads out of the volume', async () => {
    for (const subPath of ['out', 'out/passwd', 'data/up', 'out/new/folder']) {
      await assert.rejects(openSubPath(volume, subPath), /is outside of the volume/, subPath)
    }
    await assert.rejects(openSubPath(volume, 'data/../..'), /must not contain '\.\.'/)
    await assert.rejects(openSubPath(volume, '/etc'), /must not be an absolute path/)
    await assert.rejects(openSubPath(volume, 'dangling'), /is outside of the volume/)
    await assert.rejects(openSubPath(volume, 'data/file/below'))
  })

  it('stays what it was when the volume changes afterwards', async () => {
    const target = join(folder, 'pod/volume-subpaths/v/c/0')
    await mkdir(join(volume, 'moving'))
    await writeFile(join(volume, 'moving/mark'), 'inside')
    await bindSubPath(volume, 'moving', target)
    await rename(join(volume, 'moving'), join(volume, 'moved'))
    await symlink('/etc', join(volume, 'moving'))
    assert.equal(await readFile(join(target, 'mark'), 'utf8'), 'inside')
    await assert.rejects(bindSubPath(volume, 'moving', target), /is outside of the volume/)
  })

  it('is bound once, and anew when it is another file by now', async () => {
    const target = join(folder, 'pod/volume-subpaths/v/c/1')
    await bindSubPath(volume, 'data/file', target)
    await bindSubPath(volume, 'data/file', target)
    assert.equal(await readFile(target, 'utf8'), 'inside')
    await unlink(join(volume, 'data/file'))
    await writeFile(join(volume, 'data/file'), 'newer')
    await bindSubPath(volume, 'data/file', target)
    assert.equal(await readFile(target, 'utf8'), 'newer')
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(target))
    assert.equal(mounts.length, 1)
  })

  it('does not come out of a race: what is bound was in the volume, or it is refused', async () => {
    const target = join(folder, 'pod/volume-subpaths/v/c/2')
    const racing = join(volume, 'racing')
    const stop = new AbortController()
    const attacker = (async () => {
      while (!stop.signal.aborted) {
        await mkdir(racing, { recursive: true }).catch(() => undefined)
        await rename(racing, `${racing}-away`).catch(() => undefined)
        await symlink(folder, racing).catch(() => undefined)
        await unlink(racing).catch(() => undefined)
        await rm(`${racing}-away`, { recursive: true, force: true })
      }
    })()
    for (let round = 0; round < 60; round++) {
      try {
        await bindSubPath(volume, 'racing', target)
        assert.equal(await stat(join(target, 'secret')).catch(() => undefined), undefined)
      } catch (error) {
        assert.match(String(error), /ConfigError|ENOENT|EEXIST|ENOTDIR/)
      }
    }
    stop.abort()
    await attacker
    await bindSubPath(volume, 'racing', target)
    assert.equal((await stat(target)).ino, (await stat(racing)).ino)
  })
})
