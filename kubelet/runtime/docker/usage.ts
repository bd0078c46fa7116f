/** What containers use, by their cgroups. */
import { readFile } from 'node:fs/promises'
import { realClock } from '../../../component-base/clock.ts'
import { type CgroupPlace, placeOf, readUsage } from '../../stats/cgroup-usage.ts'
import type { ContainerStats } from '../runtime-service.ts'
import type { Docker } from './client.ts'

/** Reads what containers use; where a container's cgroup is does not change, and is asked once. */
export const createUsageReader = (docker: Docker) => {
  const places = new Map<string, CgroupPlace>()
  const findPlace = async (id: string): Promise<CgroupPlace | undefined> => {
    const known = places.get(id)
    if (known !== undefined) return known
    const { State } = await docker.getContainer(id).inspect()
    const place = State.Pid > 0 ? placeOf(await readFile(`/proc/${State.Pid}/cgroup`, 'utf8')) : undefined
    if (place !== undefined) places.set(id, place)
    return place
  }
  /** undefined where the container is gone, or nothing is accounted. */
  const read = async (id: string): Promise<Omit<ContainerStats, 'podUid' | 'name'> | undefined> => {
    try {
      const place = await findPlace(id)
      if (place === undefined) return undefined
      const { cpuNanoSeconds, memoryBytes, workingSetBytes } = await readUsage(place)
      return {
        id,
        timestamp: realClock.now(),
        cpuUsageNanoSeconds: cpuNanoSeconds,
        memoryUsageBytes: memoryBytes,
        memoryWorkingSetBytes: workingSetBytes,
      }
    } catch {
      return undefined
    }
  }
  return {
    read,
    /** Forgets all other containers. */
    keep: (ids: readonly string[]): void => {
      const kept = new Set(ids)
      for (const id of places.keys()) if (!kept.has(id)) places.delete(id)
    },
  }
}
