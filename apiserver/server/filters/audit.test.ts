import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { notFound } from '../../../api/meta/status-error.ts'
import { createLogger } from '../../../component-base/logging/logger.ts'
import { Registry } from '../../../component-base/metrics/prometheus.ts'
import { auditorOf } from '../../audit/auditor.ts'
import { ignoringErrors } from '../../audit/backend.ts'
import type { AuditEvent } from '../../audit/event.ts'
import { createAuditMetrics } from '../../audit/metrics.ts'
import { parsePolicy } from '../../audit/policy-file.ts'
import { HttpRequestContext } from '../http-context.ts'
import type { ApiRequest, ApiResponse } from '../message.ts'
import { withAudit } from './audit.ts'

const log = createLogger('test')
const { policy } = parsePolicy(
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, verbs: [delete]}, {level: Metadata}]',
)

/** A request whose answer is remembered. */
const aContext = (method: string, url: string) => {
  const answer = { code: 0, body: '' }
  const response = {
    statusCode: 200,
    headersSent: false,
    destroyed: false,
    setHeader: () => undefined,
    getHeader: () => undefined,
    writeHead(code: number) {
      response.statusCode = code
      response.headersSent = true
      answer.code = code
      return response
    },
    end: (body = '') => {
      answer.body = body
    },
  }
  const request = { method, headers: {}, socket: { remoteAddress: '10.0.0.1' } }
  const ctx = new HttpRequestContext(request as unknown as ApiRequest, response as unknown as ApiResponse, url, log)
  return { ctx, answer, response }
}

/** Remembers the events; stores none while `broken`. */
const anAuditor = ({ strict = true } = {}) => {
  const events: AuditEvent[] = []
  const state = { broken: false }
  const backend = {
    process: async (batch: readonly AuditEvent[]) => {
      events.push(...batch)
      return !state.broken
    },
    close: async () => {},
  }
  const registry = new Registry()
  const auditor = auditorOf(policy, strict ? backend : ignoringErrors(backend), createAuditMetrics(registry))
  return { auditor, events, state, registry }
}
const stages = (events: readonly AuditEvent[]) =>
  events.map(({ stage, responseStatus }) => [stage, responseStatus?.code])

describe('the audit filter', () => {
  it('records the beginning and the end of a request', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/pods')
    await withAudit(auditor)(ctx, async () => void ctx.response.writeHead(200))
    assert.deepEqual(stages(events), [
      ['RequestReceived', undefined],
      ['ResponseComplete', 200],
    ])
  })

  it('leaves requests alone that the policy does not want', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('DELETE', '/api/v1/namespaces/a/pods/b')
    await withAudit(auditor)(ctx, async () => assert.equal(ctx.audit, undefined))
    assert.deepEqual(events, [])
  })

  it('answers nothing but 500 where an event must be stored and cannot be', async () => {
    const { auditor, state, registry } = anAuditor()
    state.broken = true
    const { ctx, answer } = aContext('GET', '/api/v1/pods?a=b')
    await withAudit(auditor)(ctx, async () => assert.fail('the request went on'))
    assert.deepEqual(answer, {
      code: 500,
      body: 'Internal Server Error: "/api/v1/pods?a=b": failed to store audit event\n',
    })
    assert.match(await registry.metrics(), /apiserver_audit_requests_rejected_total 1/)
  })

  it('goes on without the event where it need not be stored', async () => {
    const { auditor, state } = anAuditor({ strict: false })
    state.broken = true
    const { ctx } = aContext('GET', '/api/v1/pods')
    let served = false
    await withAudit(auditor)(ctx, async () => {
      served = true
    })
    assert.equal(served, true)
  })

  it('tells a refusal, and lets it pass', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/namespaces/a/pods/b')
    const refusal = notFound({ group: '', resource: 'pods' }, 'b')
    await assert.rejects(
      withAudit(auditor)(ctx, async () => {
        throw refusal
      }),
      refusal,
    )
    assert.deepEqual(events.at(-1)?.responseStatus, {
      status: 'Failure',
      message: 'pods "b" not found',
      reason: 'NotFound',
      details: { name: 'b', kind: 'pods' },
      code: 404,
    })
  })

  it('tells of what Go would call a panic', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/pods')
    const failed = withAudit(auditor)(ctx, async () => {
      throw new TypeError('x is not a function')
    })
    await assert.rejects(failed, TypeError)
    assert.deepEqual(stages(events).at(-1), ['Panic', 500])
    assert.equal(events.at(-1)?.responseStatus?.message, "APIServer panic'd: x is not a function")
  })

  it('tells of clients that have gone before anything was answered', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/pods')
    await withAudit(auditor)(ctx, async () => {})
    assert.deepEqual(events.at(-1)?.responseStatus, {
      status: 'Success',
      message: 'Connection closed early',
      code: 200,
    })
  })

  it('records that a watch has begun, once', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/pods?watch=1')
    await withAudit(auditor)(ctx, async () => void ctx.response.writeHead(200))
    assert.deepEqual(stages(events), [
      ['RequestReceived', undefined],
      ['ResponseStarted', 200],
      ['ResponseComplete', 200],
    ])
  })

  it('has what authentication noted before there was an event', async () => {
    const { auditor, events } = anAuditor()
    const { ctx } = aContext('GET', '/api/v1/pods')
    ctx.earlyAnnotations = [['authentication.k8s.io/stale-token', 'x']]
    await withAudit(auditor)(ctx, async () => {
      ctx.audit?.annotate('authentication.k8s.io/stale-token', 'another')
    })
    assert.deepEqual(events.at(-1)?.annotations, { 'authentication.k8s.io/stale-token': 'x' })
  })
})
