/** Links and redirects that a server made for `/` lead back through the proxy. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { web, type World } from './world.ts'

export const describePages = (running: () => World): void => {
  describe('pages', () => {
    it('have their links rewritten, and nothing else', async () => {
      const { client, plain } = running()
      const origin = `http://${plain.host}:${plain.port}`
      plain.answers.set('/page', (_, response) => {
        response.writeHead(200, { 'Content-Type': 'Text/HTML; charset=utf-8' })
        response.end(`<h1 title='/t'>é /x</h1><a href="/a?b=/c">x</a><img src="${origin}/i"><a href="b">y</a>`)
      })
      const { code, headers, text } = await client.ask(`${web}/page`)
      assert.equal(code, 200)
      assert.equal(text, `<h1 title='/t'>é /x</h1><a href="${web}/a?b=/c">x</a><img src="${web}/i"><a href="b">y</a>`)
      assert.equal(headers['content-length'], String(Buffer.byteLength(text)))
    })

    it('stay compressed for who asked for it', async () => {
      const { client, plain } = running()
      plain.answers.set('/zipped', (_, response) => {
        response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Encoding': 'gzip' })
        response.end(gzipSync('<a href="/a">'))
      })
      const asked = await client.ask(`${web}/zipped`, { headers: { 'accept-encoding': 'gzip' } })
      assert.equal(asked.headers['content-encoding'], 'gzip')
      assert.equal(gunzipSync(asked.body).toString(), `<a href="${web}/a">`)
      const without = await client.ask(`${web}/zipped`)
      assert.deepEqual([without.text, without.headers['content-encoding']], [`<a href="${web}/a">`, undefined])
    })

    it('in a coding that we do not know, and other types, stay as they are', async () => {
      const { client, plain } = running()
      for (const [path, headers] of [
        ['/brotli', { 'Content-Type': 'text/html', 'Content-Encoding': 'br' }],
        ['/text', { 'Content-Type': 'text/plain' }],
        ['/none', {}],
      ] as const) {
        plain.answers.set(path, (_, response) => response.writeHead(200, headers).end('<a href="/a">'))
        assert.equal((await client.ask(`${web}${path}`)).text, '<a href="/a">', path)
      }
    })

    it('are found through redirects that come back', async () => {
      const { client, plain } = running()
      plain.answers.set('/redirect', (request, response) => {
        const to = new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? ''
        response.writeHead(302, { Location: to, 'Content-Type': 'text/html' }).end('<a href="/a">')
      })
      const origin = `http://${plain.host}:${plain.port}`
      for (const [to, expected] of [
        ['/b/?c=/d', `${web}/b/?c=/d`],
        ['b', 'b'],
        [`${origin}/b`, `${web}/b`],
        [`https://${client.host}/b`, `https://${client.host}${web}/b`],
        ['https://example.com/b', 'https://example.com/b'],
        [`${web}/b`, `${web}/b`],
      ] as const) {
        const { code, headers, text } = await client.ask(`${web}/redirect?to=${encodeURIComponent(to)}`)
        assert.deepEqual([code, headers.location], [302, expected])
        assert.equal(text, '<a href="/a">')
      }
    })
  })
}
