import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HealthChecks } from './healthz.ts'

const withFailure = (): HealthChecks => {
  const health = new HealthChecks()
  health.add('log', () => undefined)
  health.add('etcd', () => Promise.reject(new Error('connection refused')))
  health.add('shutdown', () => undefined, ['readyz'])
  return health
}

const ask = (health: HealthChecks, url: string) => {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  return health.answer(pathname, searchParams)
}

describe('HealthChecks', () => {
  it('answers a healthy process with ok alone', async () => {
    assert.deepEqual(await ask(new HealthChecks(), '/healthz'), { code: 200, text: 'ok' })
  })

  it('names the failing check without its reason', async () => {
    assert.deepEqual(await ask(withFailure(), '/livez'), {
      code: 500,
      text: '[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\nlivez check failed\n',
    })
  })

  it('lists all checks when asked', async () => {
    assert.deepEqual(await ask(withFailure(), '/readyz?verbose&exclude=etcd'), {
      code: 200,
      text: '[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n[+]shutdown ok\nreadyz check passed\n',
    })
  })

  it('warns of an exclusion that names nothing', async () => {
    const answer = await ask(withFailure(), '/healthz?exclude=etcd&exclude=foo&verbose')
    assert.match(answer?.text ?? '', /warn: some health checks cannot be excluded: no matches for "foo"\nhealthz check/)
  })

  it('answers one check, also one with slashes in its name', async () => {
    const health = withFailure()
    health.add('poststarthook/rbac/bootstrap-roles', () => undefined)
    assert.deepEqual(await ask(health, '/readyz/log'), { code: 200, text: 'ok' })
    assert.deepEqual(await ask(health, '/readyz/poststarthook/rbac/bootstrap-roles'), { code: 200, text: 'ok' })
    assert.deepEqual(await ask(health, '/readyz/etcd'), {
      code: 500,
      text: 'internal server error: connection refused\n',
    })
    assert.equal((await ask(health, '/healthz/shutdown'))?.code, 404)
  })

  it('leaves other paths to others', async () => {
    assert.equal(await ask(withFailure(), '/metrics'), undefined)
    assert.equal(await ask(withFailure(), '/healthzz'), undefined)
  })
})
