/** Pod sandboxes as Docker containers that hold the namespaces, wired by CNI. */
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import type { Cni } from '../cni/cni.ts'
import { podNameLabel, podNamespaceLabel, podUidLabel } from '../labels.ts'
import type { PodSandboxConfig, PodSandboxStatus, SandboxMetadata } from '../runtime-service.ts'
import { type Docker, engineMessage, orUndefined, statusCode, unlessGone } from './client.ts'
import { type EngineFacts, sandboxBody } from './container-body.ts'
import { attemptOfName, fromDockerLabels, networkLabel, ownerFilter, typeLabel } from './labels.ts'
import { ensurePauseImage } from './pause-image.ts'

export interface SandboxStore {
  run(config: PodSandboxConfig): Promise<PodSandboxStatus>
  stop(id: string): Promise<void>
  remove(id: string): Promise<void>
  status(id: string): Promise<PodSandboxStatus | undefined>
  list(podUid?: string): Promise<readonly PodSandboxStatus[]>
}

export interface SandboxDeps {
  readonly docker: Docker
  readonly facts: EngineFacts
  readonly cni: Cni
  /** Docker's NetworkMode for Pods in the node's network. */
  readonly hostNetwork: () => Promise<string>
}

const metadataOf = (labels: Readonly<Record<string, string>>, dockerName: string): SandboxMetadata => ({
  name: labels[podNameLabel] ?? '',
  namespace: labels[podNamespaceLabel] ?? '',
  uid: labels[podUidLabel] ?? '',
  attempt: attemptOfName(dockerName),
})

/** What both a list entry and an inspection give. */
interface Found {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly running: boolean
  readonly createdAt: number
}

const fromInfo = (info: ContainerInfo): Found => ({
  id: info.Id,
  name: info.Names[0] ?? '',
  labels: info.Labels,
  running: info.State === 'running',
  createdAt: info.Created * 1000,
})

const fromInspect = (info: ContainerInspectInfo): Found => ({
  id: info.Id,
  name: info.Name,
  labels: info.Config.Labels,
  running: info.State.Running,
  createdAt: Date.parse(info.Created),
})

export const createSandboxes = ({ docker, facts, cni, hostNetwork }: SandboxDeps): SandboxStore => {
  /** Addresses by sandbox; what CNI keeps on disk is read once. */
  const addresses = new Map<string, readonly string[]>()

  const addressesOf = async (id: string): Promise<readonly string[]> => {
    const known = addresses.get(id)
    if (known !== undefined) return known
    const found = await cni.addresses(id)
    if (found.length > 0) addresses.set(id, found)
    return found
  }

  const toStatus = async (found: Found): Promise<PodSandboxStatus> => {
    const { labels, annotations } = fromDockerLabels(found.labels)
    const network = labels[networkLabel] === 'node' ? 'node' : 'pod'
    const ips = network === 'node' ? [] : await addressesOf(found.id)
    return {
      id: found.id,
      metadata: metadataOf(labels, found.name),
      // One that runs without addresses was being wired when its kubelet died: it is of no use.
      state: found.running && (network === 'node' || ips.length > 0) ? 'ready' : 'notReady',
      createdAt: found.createdAt,
      ips,
      network,
      labels,
      annotations,
    }
  }

  const remove = async (id: string): Promise<void> => {
    await unlessGone(docker.getContainer(id).remove({ force: true, v: true }))
    addresses.delete(id)
  }

  const stop = async (id: string): Promise<void> => {
    const info = await orUndefined(docker.getContainer(id).inspect())
    if (info?.Config.Labels[networkLabel] !== 'node') {
      const pid = info?.State.Pid ?? 0
      await cni.remove(id, pid === 0 ? '' : `/proc/${pid}/ns/net`)
      addresses.delete(id)
    }
    if (info?.State.Running === true) await unlessGone(docker.getContainer(id).stop({ t: 2 }))
  }

  const create = async (config: PodSandboxConfig, networkMode: string): Promise<string> => {
    const body = sandboxBody(config, networkMode, facts)
    try {
      return (await docker.createContainer(body)).id
    } catch (error) {
      const code = statusCode(error)
      if (code === 404) {
        await ensurePauseImage(docker, facts.pauseImage)
      } else if (code === 409 && body.name !== undefined) {
        // Left over by a kubelet that died between create and start.
        const stale = await docker.getContainer(body.name).inspect()
        await stop(stale.Id)
        await remove(stale.Id)
      } else {
        throw error
      }
      return (await docker.createContainer(body)).id
    }
  }

  const wire = async (id: string, config: PodSandboxConfig): Promise<void> => {
    const { State } = await docker.getContainer(id).inspect()
    const { name, namespace, uid } = config.metadata
    const ips = await cni.add({
      sandboxId: id,
      podName: name,
      podNamespace: namespace,
      podUid: uid,
      netns: `/proc/${State.Pid}/ns/net`,
      portMappings: config.portMappings,
    })
    addresses.set(id, ips)
  }

  return {
    run: async (config) => {
      const { name, namespace } = config.metadata
      let id: string
      try {
        id = await create(config, config.network === 'node' ? await hostNetwork() : 'none')
      } catch (error) {
        throw new Error(`failed to create a sandbox for pod ${JSON.stringify(name)}: ${engineMessage(error)}`, {
          cause: error,
        })
      }
      try {
        await docker.getContainer(id).start()
      } catch (error) {
        await remove(id)
        throw new Error(`failed to start sandbox container for pod ${JSON.stringify(name)}: ${engineMessage(error)}`, {
          cause: error,
        })
      }
      try {
        if (config.network === 'pod') await wire(id, config)
        return await toStatus(fromInspect(await docker.getContainer(id).inspect()))
      } catch (error) {
        await stop(id).catch(() => undefined)
        await remove(id)
        throw new Error(
          `failed to set up sandbox container ${JSON.stringify(id)} network for pod ${JSON.stringify(name)}: networkPlugin cni failed to set up pod ${JSON.stringify(`${name}_${namespace}`)} network: ${engineMessage(error)}`,
          { cause: error },
        )
      }
    },
    stop,
    remove,
    status: async (id) => {
      const info = await orUndefined(docker.getContainer(id).inspect())
      return info === undefined ? undefined : toStatus(fromInspect(info))
    },
    list: async (podUid) => {
      const label = [...ownerFilter(facts), `${typeLabel}=podsandbox`]
      if (podUid !== undefined) label.push(`${podUidLabel}=${podUid}`)
      const infos = await docker.listContainers({ all: true, filters: { label } })
      // The engine tells of a death before its list knows: for one Pod the container itself is asked.
      const exact = async (info: ContainerInfo): Promise<Found> => {
        const inspected =
          podUid === undefined || info.State !== 'running'
            ? undefined
            : await orUndefined(docker.getContainer(info.Id).inspect())
        return inspected === undefined ? fromInfo(info) : fromInspect(inspected)
      }
      const statuses = await Promise.all(infos.map(async (info) => toStatus(await exact(info))))
      return statuses.toSorted((a, b) => b.createdAt - a.createdAt || b.metadata.attempt - a.metadata.attempt)
    },
  }
}
