/** The search for devices against one that tries everything. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ResourceClaim } from '../../../api/types.ts'
import { allocateDevices, AllocationTimeout } from './allocator.ts'
import type { Candidate, Pool } from './pools.ts'
import type { Alternative, ClaimRequests } from './requests.ts'

interface SomeDevice {
  readonly kind: number
  readonly numa: number | undefined
  readonly isAllocated: boolean
  /** Which no request here tolerates. */
  readonly isTainted?: boolean
}
interface SomeAlternative {
  readonly kind: number | undefined
  readonly count: number | undefined
}
interface SomeClaim {
  readonly requests: readonly (readonly SomeAlternative[])[]
  readonly sameNuma: boolean
}

const someDevice = fc.record({
  kind: fc.nat(1),
  numa: fc.option(fc.nat(1), { nil: undefined }),
  isAllocated: fc.boolean(),
  isTainted: fc.boolean(),
})
const alternative = fc.record({
  kind: fc.option(fc.nat(1), { nil: undefined }),
  count: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined, freq: 4 }),
})
const someClaim: fc.Arbitrary<SomeClaim> = fc
  .record({
    requests: fc.array(fc.array(alternative, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
    sameNuma: fc.boolean(),
  })
  // All devices and a constraint that some of them break is an error of the claim, not a question of devices.
  .map(({ requests, sameNuma }) => ({
    requests,
    sameNuma: sameNuma && requests.flat().every(({ count }) => count !== undefined),
  }))

const attribute = 'x/numa'
const idOf = (index: number): string => `x/p/d${index}`

const poolOf = (devices: readonly SomeDevice[]): Pool => ({
  id: 'x/p',
  state: 'usable',
  candidates: devices.map(
    ({ numa, isTainted }, index): Candidate => ({
      id: idOf(index),
      driver: 'x',
      pool: 'p',
      device: {
        name: `d${index}`,
        attributes: numa === undefined ? {} : { [attribute]: { int: numa } },
        ...(isTainted === true ? { taints: [{ key: 'health', effect: 'NoSchedule' }] } : {}),
      },
      slice: {} as Candidate['slice'],
    }),
  ),
})

const requestsFor = (devices: readonly SomeDevice[], claims: readonly SomeClaim[]): ClaimRequests[] =>
  claims.map(({ requests, sameNuma }, index) => ({
    claim: { metadata: { name: `c${index}`, namespace: 'default' } } as ResourceClaim,
    constraints: sameNuma ? [{ matchAttribute: attribute }] : [],
    requests: requests.map((alternatives, at) =>
      alternatives.map(
        ({ kind, count }, which): Alternative => ({
          name: `r${at}/a${which}`,
          request: `r${at}`,
          deviceClass: { spec: {} },
          isAdmin: false,
          tolerations: undefined,
          count,
          chooses: ({ id }) => kind === undefined || devices[Number(id.slice('x/p/d'.length))]?.kind === kind,
        }),
      ),
    ),
  }))

const subsets = (items: readonly number[], size: number): number[][] => {
  const [first, ...rest] = items
  if (size === 0) return [[]]
  if (first === undefined) return []
  return [...subsets(rest, size - 1).map((set) => [first, ...set]), ...subsets(rest, size)]
}

/** Whether some choice of alternatives and devices satisfies all claims. */
const isPossible = (devices: readonly SomeDevice[], claims: readonly SomeClaim[]): boolean => {
  const wanted = claims.flatMap(({ requests }, claim) => requests.map((alternatives) => ({ alternatives, claim })))
  const go = (at: number, taken: readonly { device: number; claim: number }[]): boolean => {
    const next = wanted[at]
    if (next === undefined) {
      return claims.every(({ sameNuma }, claim) => {
        const values = taken.filter((one) => one.claim === claim).map(({ device }) => devices[device]?.numa)
        return !sameNuma || (values.every((value) => value !== undefined) && new Set(values).size <= 1)
      })
    }
    return next.alternatives.some(({ kind, count }) => {
      const matching = [...devices.keys()].filter((index) => kind === undefined || devices[index]?.kind === kind)
      const choices = count === undefined ? (matching.length === 0 ? [] : [matching]) : subsets(matching, count)
      return choices.some(
        (choice) =>
          choice.every(
            (index) =>
              devices[index]?.isAllocated === false &&
              devices[index].isTainted !== true &&
              taken.every(({ device }) => device !== index),
          ) && go(at + 1, [...taken, ...choice.map((device) => ({ device, claim: next.claim }))]),
      )
    })
  }
  return go(0, [])
}

const search = (devices: readonly SomeDevice[], claims: readonly SomeClaim[], isOver = () => false) =>
  allocateDevices(requestsFor(devices, claims), {
    pools: [poolOf(devices)],
    isAllocated: (id) => devices[Number(id.slice('x/p/d'.length))]?.isAllocated === true,
    isOver,
  })

describe('allocateDevices', () => {
  it('finds devices if and only if there are some, and gives each one once', () => {
    const property = fc.property(
      fc.array(someDevice, { maxLength: 5 }),
      fc.array(someClaim, { minLength: 1, maxLength: 2 }),
      (devices, claims) => {
        const found = search(devices, claims)
        assert.equal(found !== undefined, isPossible(devices, claims))
        const ids = (found ?? []).flatMap(({ chosen }) => chosen.map(({ candidate }) => candidate.id))
        assert.equal(new Set(ids).size, ids.length, 'twice')
        for (const [index, { chosen }] of (found ?? []).entries()) {
          const numas = chosen.map(({ candidate }) => candidate.device.attributes?.[attribute]?.int)
          if (claims[index]?.sameNuma === true) assert.ok(new Set(numas).size <= 1 && !numas.includes(undefined))
          const asked = claims[index]?.requests.length
          assert.equal(new Set(chosen.map(({ alternative: one }) => one.request)).size, asked)
        }
      },
    )
    fc.assert(property, { numRuns: 500 })
  })

  it('gives up when its time is over', () => {
    const devices = Array.from({ length: 30 }, (_, index) => ({ kind: 0, numa: index, isAllocated: false }))
    const request = [{ kind: undefined, count: 16 }]
    const claims = [{ requests: [request, request], sameNuma: false }]
    assert.throws(() => search(devices, claims, () => true), AllocationTimeout)
  })

  it('has a limit for the devices of a claim', () => {
    const claims = [{ requests: [[{ kind: undefined, count: 33 }]], sameNuma: false }]
    assert.throws(() => search([], claims), /number of requested devices 33 exceeds the claim limit of 32/)
  })
})
