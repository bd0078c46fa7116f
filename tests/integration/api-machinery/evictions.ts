/** Evictions, with disruption budgets that the real controller keeps. */
import assert from 'node:assert/strict'
import { before, beforeEach, describe, it } from 'node:test'
import { podDisruptionBudgets, pods } from '../../../api/resources.ts'
import type { Eviction, Pod, PodDisruptionBudget } from '../../../api/types.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { createHttp, type Http, pkiCredentials } from '../../harness/http.ts'
import { waitFor } from '../../harness/wait.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { makeNamespace } from './fixtures.ts'

interface Answer {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly causes?: readonly object[]; readonly retryAfterSeconds?: number }
}

export const describeEvictions = (running: Running): void => {
  describe('an eviction', () => {
    let client: RestClient
    let http: Http
    let namespace: string
    let round = 0

    before(() => {
      client = running().client
      http = createHttp(running(), pkiCredentials(running(), 'admin'))
    })
    beforeEach(async () => {
      namespace = await makeNamespace(client, `evictions-${++round}`)
    })

    const evict = async (name: string, body: Partial<Eviction> = {}, query = ''): Promise<Answer> => {
      const eviction = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name }, ...body }
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction${query}`
      return (await http(path, { method: 'POST', body: eviction })).json
    }
    const get = (name: string) => client.get(pods, name, namespace)
    const setStatus = (name: string, status: NonNullable<Pod['status']>) =>
      client.patch(pods, name, namespace, { status }, { type: 'merge', subresource: 'status' })
    const ready = (status: 'True' | 'False') => ({ phase: 'Running', conditions: [{ type: 'Ready', status }] })
    /** On a node that does not exist: nobody ends them. */
    const makePods = async (...names: string[]): Promise<void> => {
      for (const name of names) {
        const metadata = { namespace, name, labels: { app: 'web' } }
        await client.create(pods, {
          metadata,
          spec: { nodeName: 'nowhere', containers: [{ name: 'a', image: 'none:1' }] },
        })
        await setStatus(name, ready('True'))
      }
    }
    const makeBudget = async (name: string, spec: PodDisruptionBudget['spec'], settled: object): Promise<void> => {
      const selector = { matchLabels: { app: 'web' } }
      await client.create(podDisruptionBudgets, { metadata: { namespace, name }, spec: { selector, ...spec } })
      await statusBecomes(name, settled)
    }
    const statusBecomes = (name: string, settled: object) =>
      waitFor(
        async () => {
          const { status } = await client.get(podDisruptionBudgets, name, namespace)
          return Object.entries(settled).every(([field, value]) => status?.[field as keyof typeof status] === value)
        },
        { what: `the budget ${name} to be ${JSON.stringify(settled)}` },
      )

    it('without a budget deletes the Pod with its grace, and says why it goes', async () => {
      await makePods('one')
      assert.deepEqual(await evict('one'), {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        code: 201,
      })
      const { metadata, status } = await get('one')
      assert.equal(metadata?.deletionGracePeriodSeconds, 30)
      const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
      assert.deepEqual(
        [target?.status, target?.reason, target?.message],
        ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting'],
      )
    })

    it('takes what the budget allows, and is told to come later where that is nothing', async () => {
      await makePods('a', 'b', 'c', 'd', 'e')
      await makeBudget('web', { minAvailable: 3 }, { disruptionsAllowed: 2, currentHealthy: 5 })
      const dry = await evict('a', {}, '?dryRun=All')
      assert.equal(dry.code, 201)
      assert.equal((await get('a')).metadata?.deletionTimestamp, undefined)
      const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => evict(name)))
      assert.equal(answers.filter(({ code }) => code === 201).length, 2)
      const going = (await client.list(pods, { namespace })).items.filter(({ metadata }) => metadata?.deletionTimestamp)
      assert.equal(going.length, 2)

      await statusBecomes('web', { disruptionsAllowed: 0, currentHealthy: 3 })
      const left =
        ['a', 'b', 'c', 'd', 'e'].find((name) => !going.some(({ metadata }) => metadata?.name === name)) ?? ''
      const refused = await evict(left)
      assert.equal(refused.reason, 'TooManyRequests')
      assert.equal(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.")
      const message = 'The disruption budget web needs 3 healthy pods and has 3 currently'
      assert.deepEqual(refused.details?.causes, [{ reason: 'DisruptionBudget', message }])
      const { status } = await client.get(podDisruptionBudgets, 'web', namespace)
      assert.equal(status?.conditions?.find(({ type }) => type === 'DisruptionAllowed')?.status, 'False')
    })

    it('of a Pod that is not ready follows unhealthyPodEvictionPolicy', async () => {
      await makePods('sick', 'well')
      await setStatus('sick', ready('False'))
      await makeBudget('web', { minAvailable: 2 }, { disruptionsAllowed: 0, currentHealthy: 1 })
      assert.equal((await evict('sick')).code, 429)
      await client.patch(
        podDisruptionBudgets,
        'web',
        namespace,
        { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } },
        { type: 'merge' },
      )
      assert.equal((await evict('sick')).code, 201)
      assert.equal((await evict('well')).code, 429)
    })

    it('of a Pod that is not ready goes where the others are enough', async () => {
      await makePods('sick', 'well')
      await setStatus('sick', ready('False'))
      await makeBudget('web', { minAvailable: 1 }, { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 })
      assert.equal((await evict('sick')).code, 201)
    })

    it('of a Pod that has ended or has not begun asks no budget', async () => {
      await makePods('ended', 'pending')
      await setStatus('ended', { phase: 'Succeeded' })
      await setStatus('pending', { phase: 'Pending' })
      await makeBudget('web', { minAvailable: 5 }, { disruptionsAllowed: 0 })
      assert.equal((await evict('ended')).code, 201)
      assert.equal((await evict('pending')).code, 201)
    })

    it('is refused where two budgets cover the Pod', async () => {
      await makePods('one')
      await makeBudget('first', { minAvailable: 0 }, { disruptionsAllowed: 1 })
      await makeBudget('second', { minAvailable: 0 }, { disruptionsAllowed: 1 })
      const answer = await evict('one')
      assert.equal(answer.code, 500)
      assert.equal(
        answer.message,
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      )
    })

    it('is held to its preconditions and its name, and books nothing where they fail', async () => {
      await makePods('one')
      const { uid } = (await get('one')).metadata ?? {}
      const wrong = await evict('one', { deleteOptions: { preconditions: { uid: 'another' } } })
      assert.equal(wrong.code, 409)
      assert.match(wrong.message ?? '', /the UID in the precondition \(another\) does not match the UID in record/)
      const stale = await evict('one', { deleteOptions: { preconditions: { resourceVersion: '1' } } })
      assert.equal(stale.code, 409)
      assert.equal(
        (await get('one')).status?.conditions?.some(({ type }) => type === 'DisruptionTarget'),
        false,
      )
      const misnamed = await evict('one', { metadata: { name: 'two' } })
      assert.deepEqual([misnamed.code, misnamed.message], [400, 'name in URL does not match name in Eviction object'])
      const policy = await evict('one', { deleteOptions: { propagationPolicy: 'Sideways' } })
      assert.equal(policy.code, 422)
      assert.equal((await evict('nobody')).code, 404)
      const right = await evict('one', { deleteOptions: { gracePeriodSeconds: 0, preconditions: { uid: uid ?? '' } } })
      assert.equal(right.code, 201)
      assert.equal((await client.list(pods, { namespace })).items.length, 0)
    })
  })
}
