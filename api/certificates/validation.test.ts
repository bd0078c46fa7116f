import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../types.ts'
import { validateApproval, validateCertificateSigningRequestStatusUpdate } from './validation.ts'

type Status = NonNullable<CertificateSigningRequest['status']>

const aRequest = (status: object): CertificateSigningRequest => ({
  metadata: { name: 'r' },
  spec: { request: '', signerName: 'example.com/s', usages: ['client auth'] },
  status: status as Status,
})
const is = (type: string, status = 'True') => ({ type, status })
const pem = (type: string, body = 'AAAA'): string =>
  Buffer.from(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`).toString('base64')
const texts = (errors: readonly { field: string; detail: string }[]): string[] =>
  errors.map(({ field, detail }) => `${field}: ${detail}`)

describe('conditions of a CertificateSigningRequest', () => {
  const cases: readonly (readonly [string, object[], object[], RegExp | undefined])[] = [
    ['may be set', [], [is('Approved'), is('Mine', 'False')], undefined],
    [
      'exclude each other',
      [is('Denied')],
      [is('Denied'), is('Approved')],
      /^status\.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive$/,
    ],
    [
      'stay once they decided',
      [is('Approved')],
      [],
      /^status\.conditions: Forbidden: updates may not remove a condition of type "Approved"$/,
    ],
    [
      'are true or not there',
      [],
      [is('Denied', 'False')],
      /^status\.conditions\[0\]\.status: Unsupported value: "False": supported values: "True"$/,
    ],
    ['have a type', [], [is('')], /^status\.conditions\[0\]\.type: Required value$/],
    ['have a status', [], [is('Mine', '')], /^status\.conditions\[0\]\.status: Required value$/],
    ['are there once', [], [is('Mine'), is('Mine')], /^status\.conditions\[1\]\.type: Duplicate value: "Mine"$/],
  ]
  for (const [what, before, now, error] of cases) {
    it(what, () => {
      const found = texts(validateApproval(aRequest({ conditions: now }), aRequest({ conditions: before })))
      if (error === undefined) assert.deepEqual(found, [])
      else {
        assert.equal(found.length, 1, found.join())
        assert.match(found[0] ?? '', error)
      }
    })
  }
})

describe('the certificate of a CertificateSigningRequest', () => {
  const check = (certificate: string, before?: string): string[] =>
    texts(
      validateCertificateSigningRequestStatusUpdate(
        aRequest({ certificate }),
        aRequest(before === undefined ? {} : { certificate: before }),
      ),
    )

  it('is one, in PEM', () => {
    const prefix = 'status.certificate: Invalid value: "<certificate data>": '
    const none = Buffer.from('nonsense').toString('base64')
    assert.deepEqual(check(none), [`${prefix}must contain at least one CERTIFICATE PEM block`])
    assert.deepEqual(check(pem('KEY')), [`${prefix}only CERTIFICATE PEM blocks are allowed, found "KEY"`])
    assert.deepEqual(check(pem('CERTIFICATE', 'a: b\n\nAAAA')), [`${prefix}no PEM block headers are permitted`])
    assert.deepEqual(check(pem('CERTIFICATE')), [`${prefix}x509: malformed certificate`])
  })

  it('is set once', () => {
    assert.deepEqual(check(pem('A'), pem('A')), [])
    assert.match(check('', pem('A')).join(), /Forbidden: updates may not modify existing certificate content/)
  })
})
