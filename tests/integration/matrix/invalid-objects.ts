/**
 * Objects that must be refused, and every word of the refusal. The files of invalid/ have them by row. A case is a
 * merge patch on the corpus' object: `change` is created; `update` and `status` are put on an object that was created
 * with `base`, if any. `errors` are `field: message`, in order, in upstream's words as its validation has them, never
 * as this server says them; names in braces stand for the sentences below.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { load } from 'js-yaml'
import type { Namespace } from '../../../api/types.ts'
import { namespaces, serviceAccounts } from '../../../api/resources.ts'
import type { Answer } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import { expectObject, type Life, newLife, patched, send } from './life.ts'
import { type Row, rows } from './rows.ts'
import type { RunningMatrix } from './running.ts'

interface Case {
  readonly change?: object
  readonly base?: object
  readonly update?: object
  readonly status?: object
  readonly errors: readonly string[]
}

const namespace = 'invalid'
const leastCases = 3

/** Sentences that many validations share. Upstream: k8s.io/apimachinery/pkg/util/validation. */
const sentences: Readonly<Record<string, string>> = {
  subdomain:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  label:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  qualified:
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  qualifiedParts:
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
  labelValue:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  configKey:
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  ip: 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  cidr: 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  port: 'must be between 1 and 65535, inclusive',
  nonNegative: 'must be greater than or equal to 0',
  sysctl: '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
}

/** The first words of a message tell its reason. */
const reasons: readonly (readonly [start: string, reason: string])[] = [
  ['Required value', 'FieldValueRequired'],
  ['Invalid value', 'FieldValueInvalid'],
  ['Unsupported value', 'FieldValueNotSupported'],
  ['Duplicate value', 'FieldValueDuplicate'],
  ['Forbidden', 'FieldValueForbidden'],
  ['Not found', 'FieldValueNotFound'],
  ['Too long', 'FieldValueTooLong'],
  ['Too many', 'FieldValueTooMany'],
]

const folder = join(import.meta.dirname, 'invalid')
const corpus: Readonly<Record<string, readonly Case[]>> = Object.assign(
  {},
  ...readdirSync(folder).map((file) => load(readFileSync(join(folder, file), 'utf8'))),
) as Record<string, readonly Case[]>

const spelledOut = (error: string): string =>
  error.replaceAll(/\{(\w+)\}/g, (whole, name: string) => sentences[name] ?? whole)

const causeOf = (error: string) => {
  const [, field = '', message = ''] = /^(.+?): (.*)$/s.exec(spelledOut(error)) ?? []
  const reason = reasons.find(([start]) => message.startsWith(start))?.[1]
  if (reason === undefined) throw new Error(`no cause has a message like ${message}`)
  return { reason, message, field }
}

/** The Status of a 422. Upstream: apierrors.NewInvalid. */
const refusalOf = ({ facts: { group, kind } }: Row, name: string | undefined, errors: readonly string[]) => {
  const causes = errors.map(causeOf)
  const lines = causes.map(({ field, message }) => `${field}: ${message}`)
  const summary = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${group === '' ? kind : `${kind}.${group}`} "${name ?? ''}" is invalid: ${summary}`,
    reason: 'Invalid',
    details: { ...(name === undefined ? {} : { name }), ...(group === '' ? {} : { group }), kind, causes },
    code: 422,
  }
}

const ask = async (life: Life, { change, base = {}, update, status }: Case): Promise<[Answer, string | undefined]> => {
  if (change !== undefined) {
    const object = patched(life.object, change)
    return [await send(life, 'POST', `${life.collection}?dryRun=All`, object), object.metadata?.name]
  }
  const made = expectObject(await send(life, 'POST', life.collection, patched(life.object, base)), 201)
  try {
    const body = patched(made, update ?? status ?? {})
    const path = update === undefined ? `${life.path}/status` : life.path
    return [await send(life, 'PUT', path, body), life.name]
  } finally {
    const bare = { metadata: { finalizers: null } }
    await life.matrix.http(life.path, {
      method: 'PATCH',
      body: bare,
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    await send(life, 'DELETE', life.path, { propagationPolicy: 'Background' })
    if (life.row.key === 'namespaces.v1') {
      await send(life, 'PUT', `${life.path}/finalize`, { ...made, metadata: { name: life.name }, spec: {} })
    }
  }
}

const titleOf = ({ change, update, status, errors }: Case): string => {
  const where = change !== undefined ? '' : update === undefined ? 'status: ' : 'update: '
  return `${where}${errors.join(', ')} ${JSON.stringify(change ?? update ?? status)}`
}

export const describeInvalidObjects = (running: RunningMatrix): void => {
  describe('invalid objects', () => {
    before(async () => {
      const { client } = running().cluster
      await client.create<Namespace>(namespaces, { metadata: { name: namespace } })
      await waitFor(() => client.get(serviceAccounts, 'default', namespace), { what: 'the ServiceAccount' })
    })

    it('are there for every resource, and for no other', () => {
      const few = rows.filter(({ key }) => (corpus[key] ?? []).length < leastCases).map(({ key }) => key)
      assert.deepEqual(few, [])
      const known = new Set(rows.map(({ key }) => key))
      assert.deepEqual(
        Object.keys(corpus).filter((key) => !known.has(key)),
        [],
      )
    })

    for (const row of rows) {
      describe(row.key, () => {
        for (const bad of corpus[row.key] ?? []) {
          it(titleOf(bad), async () => {
            const life = newLife(row, running(), namespace)
            const [answer, name] = await ask(life, bad)
            assert.deepEqual(answer.json, refusalOf(row, name, bad.errors))
          })
        }
      })
    }
  })
}
