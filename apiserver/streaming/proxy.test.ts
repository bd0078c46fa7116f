import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rewriteHtml, rewriteLink } from './link-rewriting.ts'
import { checkedAddress, isProxyable, parseProxyName } from './proxy-target.ts'

describe('parseProxyName', () => {
  const cases: [string, ReturnType<typeof parseProxyName>][] = [
    ['web', { scheme: '', name: 'web', port: '' }],
    ['web:80', { scheme: '', name: 'web', port: '80' }],
    ['https:web:', { scheme: 'https', name: 'web', port: '' }],
    ['http:web:metrics', { scheme: 'http', name: 'web', port: 'metrics' }],
    [':80', undefined],
    ['ftp:web:21', undefined],
    ['a:b:c:d', undefined],
  ]
  for (const [id, expected] of cases) it(`reads ${id}`, () => assert.deepEqual(parseProxyName(id), expected))
})

describe('isProxyable', () => {
  it('refuses addresses of the API server itself and of its link', () => {
    for (const ip of ['127.0.0.1', '::1', '0.0.0.0', '169.254.169.254', 'fe80::1', '224.0.0.1', 'name', '']) {
      assert.equal(isProxyable(ip), false, ip)
    }
    for (const ip of ['10.244.1.5', '172.30.0.11', 'fd00::5']) assert.equal(isProxyable(ip), true, ip)
  })
})

describe('the address of a name', () => {
  it('is the one that was looked at: the name is not asked for twice (CVE-2020-8562)', async () => {
    const answers = [['10.244.1.5', 'fd00::5'], ['127.0.0.1'], []]
    const resolve = () => Promise.resolve((answers.shift() ?? []).map((address) => ({ address })))
    assert.equal(await checkedAddress('node', resolve), '10.244.1.5')
    await assert.rejects(checkedAddress('node', resolve), /address not allowed/)
    await assert.rejects(checkedAddress('node', resolve), /no such host/)
  })

  it('is none if one of several is not to be reached', async () => {
    const resolve = () => Promise.resolve([{ address: '10.244.1.5' }, { address: '::ffff:127.0.0.1' }])
    await assert.rejects(checkedAddress('node', resolve), /address not allowed/)
  })
})

describe('links in proxied answers', () => {
  const prefix = '/api/v1/namespaces/ns/pods/p/proxy'
  const context = { prefix, backendHost: '10.0.0.5:80', requestHost: 'api:6443' }
  const cases: [string, string][] = [
    ['/x?y=/z#f', '/api/v1/namespaces/ns/pods/p/proxy/x?y=/z#f'],
    ['relative/x', 'relative/x'],
    ['?q', '?q'],
    ['http://10.0.0.5:80/x/', '/api/v1/namespaces/ns/pods/p/proxy/x/'],
    ['https://api:6443/x', 'https://api:6443/api/v1/namespaces/ns/pods/p/proxy/x'],
    ['https://elsewhere/x', 'https://elsewhere/x'],
    ['//elsewhere/x', '//elsewhere/x'],
    ['/api/v1/namespaces/ns/pods/p/proxy/x', '/api/v1/namespaces/ns/pods/p/proxy/x'],
    ['mailto:a@b', 'mailto:a@b'],
  ]
  for (const [link, expected] of cases)
    it(`sends ${link} the right way`, () => assert.equal(rewriteLink(link, context), expected))

  const pages: [string, string, string][] = [
    [
      'of tags that may hold one, which are written anew',
      `<A class=x HREF='/a?b&amp;c' data-q="'&nbsp;">/a</a><IMG alt="/b" src=/c/><p title="/d">`,
      `<a class="x" href="${prefix}/a?b&amp;c" data-q="&#39;&nbsp;">/a</a><img alt="/b" src="${prefix}/c/"/><p title="/d">`,
    ],
    [
      'but not in scripts and comments',
      `<script src="/s.js">"<a href=/e>"</script><!-- <a href=/f> --><a href=/g>`,
      `<script src="${prefix}/s.js">"<a href=/e>"</script><!-- <a href=/f> --><a href="${prefix}/g">`,
    ],
    [
      'to the same host',
      '<a href="http://10.0.0.5:80/a"><a href=//else/a>',
      `<a href="${prefix}/a"><a href="//else/a">`,
    ],
    ['of a page that breaks off', '<p>1 < 2 <a href="/x', '<p>1 < 2 <a href="/x'],
    ['without a value', '<input disabled src=/i>', `<input disabled="" src="${prefix}/i">`],
    ['with dots and slashes', '<a href="/a/../b//c/#d">', `<a href="${prefix}/b/c/#d">`],
  ]
  for (const [what, page, expected] of pages) {
    it(`are rewritten ${what}`, () => assert.equal(rewriteHtml(page, context), expected))
  }

  it('are looked for in one pass, whatever the page', () => {
    const page = '<a '.repeat(300_000) + '<!--'.repeat(100_000)
    const startedMs = performance.now()
    assert.equal(rewriteHtml(page, context), page)
    assert.ok(performance.now() - startedMs < 5_000)
  })
})
