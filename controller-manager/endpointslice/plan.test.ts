import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import { aPod } from '../testing/builders.ts'
import { desiredGroups } from './desired.ts'
import { planSlices, type SlicePlan } from './plan.ts'

const service: Service = {
  metadata: { name: 'web', namespace: 'default', uid: 'svc', labels: { team: 'a' } },
  spec: {
    selector: { app: 'web' },
    clusterIP: '10.96.0.5',
    ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
  },
}

const plan = (pods: Pod[], existing: EndpointSlice[], max = 3, of = service): SlicePlan =>
  planSlices(
    of,
    desiredGroups(of, pods, () => undefined),
    existing,
    max,
  )

let serial = 0
const stored = (slice: EndpointSlice): EndpointSlice => {
  serial += 1
  return { ...slice, metadata: { ...slice.metadata, name: slice.metadata?.name ?? `web-${serial}`, uid: `s${serial}` } }
}
const apply = (existing: EndpointSlice[], { create, update, delete: gone }: SlicePlan): EndpointSlice[] => {
  const byName = new Map(existing.map((slice) => [slice.metadata?.name, slice]))
  for (const slice of gone) byName.delete(slice.metadata?.name)
  for (const slice of update) byName.set(slice.metadata?.name, slice)
  for (const slice of create.map(stored)) byName.set(slice.metadata?.name, slice)
  return [...byName.values()]
}
const counts = (slices: EndpointSlice[]): number[] => slices.map(({ endpoints }) => endpoints?.length ?? 0)
const pods = (count: number): Pod[] => Array.from({ length: count }, (_, index) => aPod(`p${index}`, { node: 'n1' }))

describe('planSlices', () => {
  it('shows a Service without Pods by one empty slice', () => {
    const result = plan([], [])
    assert.deepEqual(counts(result.create), [0])
    assert.equal(result.create[0]?.metadata?.labels?.['kubernetes.io/service-name'], 'web')
    assert.deepEqual(plan([], apply([], result)), { create: [], update: [], delete: [] })
  })

  it('fills the empty slice instead of making another', () => {
    const empty = apply([], plan([], []))
    const result = plan(pods(2), empty)
    assert.equal(result.create.length + result.delete.length, 0)
    assert.deepEqual(counts(result.update), [2])
  })

  it('fills slices up to the limit, and settles', () => {
    const first = apply([], plan(pods(7), []))
    assert.deepEqual(counts(first), [3, 3, 1])
    assert.deepEqual(plan(pods(7), first).create, [])
  })

  it('writes only the slice that has room for a new endpoint', () => {
    const all = pods(5)
    const first = apply([], plan(all.slice(0, 4), []))
    const result = plan(all, first)
    assert.deepEqual(counts(result.update), [2])
    assert.equal(result.create.length, 0)
  })

  it('deletes a slice that runs empty and leaves the others alone', () => {
    const all = pods(4)
    const first = apply([], plan(all, []))
    const result = plan(all.slice(0, 3), first)
    assert.equal(result.delete.length, 1)
    assert.equal(result.update.length, 0)
  })

  it('keeps terminating Pods that still serve, as not ready', () => {
    const result = plan([aPod('p', { deleting: true })], [])
    assert.deepEqual(result.create[0]?.endpoints?.[0]?.conditions, { ready: false, serving: true, terminating: true })
  })

  it('gives Pods with other port numbers of one name a slice of their own', () => {
    const named: Service = { ...service, spec: { ...service.spec, ports: [{ port: 80, targetPort: 'http' }] } }
    const withPort = (name: string, containerPort: number): Pod => {
      const pod = aPod(name)
      return { ...pod, spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort }] }] } }
    }
    const result = plan([withPort('a', 8080), withPort('b', 9090)], [], 3, named)
    const numbers = result.create.map(({ ports }) => ports?.[0]?.port ?? 0)
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      [8080, 9090],
    )
  })
})
