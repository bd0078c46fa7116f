/** What is secret stands in no log, however much is logged: not a Secret's value, not a token. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttp, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'

const secrets = '/api/v1/namespaces/default/secrets'

export const describeLogs = (running: () => TestCluster): void => {
  describe('what is written down', () => {
    it('has no value of a Secret and no token, at the highest verbosity', async () => {
      const { layout, kubectl } = running()
      const admin = createHttp(running(), pkiCredentials(running(), 'super-admin'))
      const nobody = createHttp(running())
      const value = 'correct-horse-battery-staple-4711'
      const coded = Buffer.from(value).toString('base64')
      const object = (more: object = {}) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'kept' }, ...more })
      await kubectl('create', 'secret', 'generic', 'kept', `--from-literal=a=${value}`)
      await kubectl('get', 'secret', 'kept', '-o', 'yaml', '-v=9')
      const patch = (type: string, body: unknown) =>
        admin(`${secrets}/kept?fieldManager=m`, {
          method: 'PATCH',
          headers: { 'content-type': `application/${type}` },
          body,
        })
      const answers = [
        await patch('merge-patch+json', { stringData: { b: value } }),
        await patch('json-patch+json', [
          { op: 'test', path: '/data/a', value: coded },
          { op: 'remove', path: '/nothing' },
        ]),
        await patch('apply-patch+yaml', object({ data: { a: Buffer.from('another').toString('base64') } })),
        await admin(secrets, {
          method: 'POST',
          body: object({ metadata: { name: 'Bad_Name' }, stringData: { a: value } }),
        }),
        await admin(secrets, {
          method: 'POST',
          body: object({ type: 'kubernetes.io/tls', stringData: { 'tls.key': value } }),
        }),
        await admin(secrets, { method: 'POST', body: object({ data: { a: `${coded}!` } }) }),
        await admin(`${secrets}?fieldValidation=Strict`, {
          method: 'POST',
          body: object({ stringData: { a: value }, more: value }),
        }),
        await nobody(secrets, { method: 'POST', body: object({ stringData: { a: value } }) }),
      ]
      assert.ok(answers.some(({ code }) => code === 422) && answers.some(({ code }) => code === 409))

      const token = (await kubectl('create', 'token', 'default')).trim()
      await nobody('/api', { token })
      await nobody('/api', { token: `${token}broken` })
      await admin('/apis/authentication.k8s.io/v1/tokenreviews', {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
      })
      await nobody('/api/v1/namespaces/default/pods/none/exec?command=id', {
        token,
        headers: {
          upgrade: 'websocket',
          connection: 'upgrade',
          'sec-websocket-key': 'a',
          'sec-websocket-protocol': `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`,
        },
      }).catch(() => undefined)

      const files = readdirSync(layout.logs).map((name) => join(layout.logs, name))
      await waitFor(() => readFileSync(join(layout.logs, 'audit.log'), 'utf8').includes('/tokenreviews'), {
        what: 'the audit log',
      })
      const hidden = { value, coded, token, 'coded token': Buffer.from(token).toString('base64url').slice(0, 200) }
      for (const file of files) {
        const text = readFileSync(file, 'utf8')
        for (const [what, secret] of Object.entries(hidden)) assert.ok(!text.includes(secret), `${what} in ${file}`)
      }
      assert.ok(files.some((file) => file.endsWith('kube-apiserver.log')))
    })

    it('has no trouble with names that every object of this language has', async () => {
      const admin = createHttp(running(), pkiCredentials(running(), 'super-admin'))
      const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']
      const ask = async (method: string, path: string, body?: object, type = 'application/json'): Promise<number> =>
        (await admin(path, { method, ...(body === undefined ? {} : { body }), headers: { 'content-type': type } })).code
      const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All'
      const crdOf = (format: string): object => ({
        metadata: { name: 'odds.names.example.com' },
        spec: {
          group: 'names.example.com',
          scope: 'Namespaced',
          names: { plural: 'odds', kind: 'Odd' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: {
                openAPIV3Schema: {
                  type: 'object',
                  properties: { a: { type: 'string', format, 'x-kubernetes-validations': [{ rule: 'self != "x"' }] } },
                },
              },
            },
          ],
        },
      })
      for (const name of names) {
        const dryRun = `${secrets}?dryRun=All`
        assert.equal(await ask('POST', dryRun, { metadata: { name: 'odd' }, type: name }), 201, name)
        assert.equal(
          await ask('POST', dryRun, { metadata: { name: 'odd' }, data: { [`a.${name}`]: 'YQ==' } }),
          201,
          name,
        )
        assert.equal(await ask('PATCH', `${secrets}/kept`, {}, name), 415, name)
        assert.equal(await ask('PATCH', `${secrets}/kept`, {}, `application/${name}`), 415, name)
        assert.equal(await ask('GET', `${secrets}?fieldSelector=${name}%3Dx`), 400, name)
        assert.equal(await ask('GET', `${secrets}?labelSelector=${name.replaceAll('_', 'a')}`), 200, name)
        assert.equal(await ask('GET', `/api/v1/${name}`), 404, name)
        assert.equal(await ask('GET', `/apis/${name}/v1/${name}`), 404, name)
        assert.equal(await ask('GET', `${secrets}/kept/${name}`), 404, name)
        assert.equal(await ask('POST', dryRun, { apiVersion: `${name}/v1`, kind: name, metadata: {} }), 400, name)
        assert.equal(await ask('POST', crds, crdOf(name)), 201, name)
      }
    })

    it('shows no control characters: they could tell a terminal to do anything', async () => {
      const { layout } = running()
      const admin = createHttp(running(), pkiCredentials(running(), 'super-admin'))
      const escape = '\u001b]0;owned\u0007\u001b[2J'
      const evil = encodeURIComponent(`a${escape}\r\nX-Injected: yes`)
      const answers = [
        await admin(`${secrets}/${evil}`),
        await admin(`/no/such/${evil}`),
        await admin(`${secrets}?labelSelector=${evil}`),
        await admin(secrets, {
          method: 'POST',
          headers: { 'user-agent': 'a\u00a0b' },
          body: { metadata: { name: escape }, [escape]: 1 },
        }),
        await admin(`${secrets}?fieldManager=${evil}`, { method: 'POST', body: { metadata: { name: 'x' } } }),
        await admin('/api/v1/nodes', { headers: { 'impersonate-user': 'a', 'impersonate-group': evil } }),
      ]
      const control = /[^\P{Cc}\t\n]/u
      for (const { text, headers } of answers) {
        assert.doesNotMatch(text, control)
        assert.equal(headers['x-injected'], undefined)
        for (const one of Object.values(headers).flat()) assert.doesNotMatch(String(one), control)
      }
      for (const name of readdirSync(layout.logs)) {
        assert.doesNotMatch(readFileSync(join(layout.logs, name), 'utf8'), control, name)
      }
    })
  })
}
