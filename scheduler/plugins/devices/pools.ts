/** The pools of devices that a node can reach. Upstream: structured/internal/stable/pools_stable.go */
import { matchesNodeSelector } from '../../../api/core/node-affinity.ts'
import type { Device } from '../../../api/resource/device-expressions.ts'
import type { Node, ResourceSlice } from '../../../api/types.ts'

export type { Device }

export interface Candidate {
  /** `driver/pool/device`: the device's name in the whole cluster. */
  readonly id: string
  readonly driver: string
  readonly pool: string
  readonly device: Device
  readonly slice: ResourceSlice
}

export interface Pool {
  /** `driver/pool`. */
  readonly id: string
  /** `incomplete`: its driver is about to publish more of it; `invalid`: two devices have one name. */
  readonly state: 'usable' | 'incomplete' | 'invalid'
  readonly candidates: readonly Candidate[]
}

type SliceSpec = NonNullable<ResourceSlice['spec']>

const poolOf = ({ driver, pool }: SliceSpec): string => `${driver}/${pool.name}`
const nameOf = ({ metadata }: ResourceSlice): string => metadata?.name ?? ''

/** Slices that say node by device, or that share counters, need features that are off. */
const isSupported = ({ spec }: ResourceSlice): boolean =>
  spec !== undefined && spec.perDeviceNodeSelection !== true && (spec.sharedCounters ?? []).length === 0

const reaches = ({ nodeName = '', allNodes, nodeSelector }: SliceSpec, node: Node): boolean => {
  if (nodeName !== '') return nodeName === node.metadata?.name
  if (allNodes === true) return true
  return nodeSelector !== undefined && matchesNodeSelector(nodeSelector, node)
}

const generationOf = ({ spec }: ResourceSlice): number => spec?.pool.generation ?? 0

const candidatesOf = (slice: ResourceSlice): Candidate[] => {
  const { spec } = slice
  if (spec === undefined) return []
  const { driver, pool } = spec
  return (spec.devices ?? []).map((device) => ({
    id: `${driver}/${pool.name}/${device.name}`,
    driver,
    pool: pool.name,
    device,
    slice,
  }))
}

/** All slices by their pool, sorted by name: devices are tried in one order, run by run. */
export const slicesByPool = (slices: readonly ResourceSlice[]): ReadonlyMap<string, readonly ResourceSlice[]> => {
  const supported = slices.filter(isSupported).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const pools = Map.groupBy(supported, ({ spec }) => (spec === undefined ? '' : poolOf(spec)))
  return new Map([...pools].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The pool as one node sees it; undefined: nothing in it is for this node, or what is is out of date. */
const poolFor = (id: string, slices: readonly ResourceSlice[], node: Node): Pool | undefined => {
  const near = slices.filter(({ spec }) => spec !== undefined && reaches(spec, node))
  if (near.length === 0) return undefined
  const newest = Math.max(...near.map(generationOf))
  if (slices.some((slice) => generationOf(slice) > newest)) return undefined
  const whole = slices.filter((slice) => generationOf(slice) === newest)
  if (whole.length !== whole[0]?.spec?.pool.resourceSliceCount) return { id, state: 'incomplete', candidates: [] }
  const candidates = near.filter((slice) => generationOf(slice) === newest).flatMap(candidatesOf)
  const isAmbiguous = new Set(candidates.map((candidate) => candidate.id)).size < candidates.length
  return { id, state: isAmbiguous ? 'invalid' : 'usable', candidates: isAmbiguous ? [] : candidates }
}

export const poolsFor = (pools: ReadonlyMap<string, readonly ResourceSlice[]>, node: Node): Pool[] =>
  [...pools].flatMap(([id, slices]) => poolFor(id, slices, node) ?? [])
