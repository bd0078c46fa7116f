import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { parseRequest, sendError } from './http.ts'
import { nodeLogs } from './node-logs.ts'

describe('logs of the node', () => {
  const root = mkdtempSync(join(tmpdir(), 'node-logs-'))
  const folder = join(root, 'log')
  let server: Server
  before(async () => {
    mkdirSync(join(folder, 'pods/a&b'), { recursive: true })
    writeFileSync(join(folder, 'syslog'), 'a line\n')
    writeFileSync(join(folder, 'empty'), '')
    writeFileSync(join(root, 'secret'), 'secret')
    symlinkSync('syslog', join(folder, 'messages'))
    symlinkSync('../secret', join(folder, 'out'))
    symlinkSync('/', join(folder, 'pods/root'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    server = createServer((incoming, response) => {
      Promise.resolve()
        .then(() => nodeLogs(parseRequest(incoming), response, folder))
        .catch((error: unknown) => sendError(response, error))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => {
    server.close()
    rmSync(root, { recursive: true })
  })
  const get = async (path: string, method = 'GET') => {
    const { port } = server.address() as AddressInfo
    const [response] = await once(request({ port, path, method, agent: false }).end(), 'response')
    return { code: response.statusCode as number, body: await text(response), location: response.headers['location'] }
  }

  it('are files, and lists of folders', async () => {
    assert.deepEqual(await get('/logs/syslog'), { code: 200, body: 'a line\n', location: undefined })
    assert.equal((await get('/logs/messages')).body, 'a line\n')
    assert.equal((await get('/logs/empty')).body, '')
    const { body } = await get('/logs/')
    assert.deepEqual(
      [...body.matchAll(/^<a href="(.*)">/gm)].map(([, link]) => link),
      ['empty', 'messages', 'out', 'pipe', 'pods/', 'syslog'],
    )
    assert.match((await get('/logs/pods/')).body, /<a href="a%26b\/">a&amp;b\/<\/a>/)
  })

  it('have slashes at the end where they are folders', async () => {
    assert.equal((await get('/logs')).location, 'logs/')
    assert.equal((await get('/logs/pods')).location, 'pods/')
    assert.equal((await get('/logs/syslog/')).location, '../syslog')
  })

  it('are never anything outside, nor anything but logs', async () => {
    const paths = [
      'out',
      'pods/root/etc/passwd',
      '../secret',
      '..%2fsecret',
      '%2e%2e/secret',
      'none',
      'syslog/x',
      'pipe',
    ]
    for (const path of [...paths, 'sys%00log']) {
      const { code, body } = await get(`/logs/${path}`)
      assert.equal(code, 404, path)
      assert.equal(body, '404 page not found\n')
    }
    assert.equal((await get('/logs/syslog', 'DELETE')).code, 405)
  })
})
