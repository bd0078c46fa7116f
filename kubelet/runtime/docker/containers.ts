/** Containers of Pods on Docker: create, start, stop, inspect. */
import { readFile } from 'node:fs/promises'
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import { imageNameAnnotation, containerNameLabel, podUidLabel } from '../labels.ts'
import type {
  CgroupSettings,
  ContainerConfig,
  ContainerState,
  ContainerStatus,
  ContainerSummary,
  PodSandboxStatus,
} from '../runtime-service.ts'
import { withCdiDevices } from './cdi-devices.ts'
import { type Docker, engineMessage, orUndefined, statusCode, unlessGone } from './client.ts'
import { containerBody, type EngineFacts, resourceBody } from './container-body.ts'
import { createImageUsers, type EngineUser, engineUser } from './image-users.ts'
import { attemptOfName, fromDockerLabels, logPathLabel, ownerFilter, sandboxIdLabel, typeLabel } from './labels.ts'
import { imageIdFor } from './images.ts'

export interface ContainerStore {
  create(sandbox: PodSandboxStatus, config: ContainerConfig): Promise<string>
  start(id: string): Promise<void>
  stop(id: string, graceMs: number, signal?: AbortSignal): Promise<void>
  remove(id: string): Promise<void>
  status(id: string): Promise<ContainerStatus | undefined>
  list(podUid?: string): Promise<readonly ContainerSummary[]>
  update(id: string, resources: CgroupSettings): Promise<void>
}

const zeroTime = '0001-01-01T00:00:00Z'
const parseTime = (text: string): number => (text === zeroTime ? 0 : Date.parse(text))

const stateOfInfo = (state: string): ContainerState => {
  switch (state) {
    case 'created':
      return 'created'
    case 'running':
    case 'paused':
    case 'restarting':
      return 'running'
    case 'exited':
    case 'dead':
    case 'removing':
      return 'exited'
    default:
      return 'unknown'
  }
}

const stateOf = ({ State }: ContainerInspectInfo): ContainerState => {
  if (State.Running) return 'running'
  // A start that failed leaves the state 'created' with an exit code.
  if (parseTime(State.StartedAt) === 0 && State.ExitCode === 0) return 'created'
  return 'exited'
}

/** Upstream's dockershim: OOMKilled, Completed, ContainerCannotRun or Error. */
const reasonOf = ({ State }: ContainerInspectInfo): string => {
  if (State.Running) return ''
  if (State.OOMKilled) return 'OOMKilled'
  if (parseTime(State.StartedAt) === 0) return State.ExitCode === 0 ? '' : 'ContainerCannotRun'
  return State.ExitCode === 0 ? 'Completed' : 'Error'
}

const toSummary = (info: ContainerInfo): ContainerSummary => {
  const { labels, annotations } = fromDockerLabels(info.Labels)
  return {
    id: info.Id,
    sandboxId: labels[sandboxIdLabel] ?? '',
    podUid: labels[podUidLabel] ?? '',
    name: labels[containerNameLabel] ?? '',
    attempt: attemptOfName(info.Names[0] ?? ''),
    state: stateOfInfo(info.State),
    imageRef: info.ImageID,
    createdAt: info.Created * 1000,
    labels,
    annotations,
  }
}

/** Identity of a running process, from /proc: what runAsUser and the image's user came to. */
const userOf = async (pid: number): Promise<ContainerStatus['user']> => {
  if (pid === 0) return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const ids = (field: string): number[] =>
    (new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '')
      .split(/\s+/)
      .filter((text) => text !== '')
      .map(Number)
  const [uid] = ids('Uid')
  const [gid] = ids('Gid')
  if (uid === undefined || gid === undefined) return undefined
  const groups = new Set([gid, ...ids('Groups')])
  return { uid, gid, supplementalGroups: [...groups].toSorted((a, b) => a - b) }
}

/** The profile's text, for the engine; '' where it is not a file of this node. Rejects in containerd's words. */
const seccompProfile = async ({ security }: ContainerConfig): Promise<string> => {
  if (security.seccomp.type !== 'localhost' || security.privileged) return ''
  const { path } = security.seccomp
  const fail = (why: string, cause: unknown): Error =>
    new Error(`cannot load seccomp profile ${JSON.stringify(path)}: ${why}`, { cause })
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw fail(`open ${path}: ${isMissing ? 'no such file or directory' : (error as Error).message}`, error)
  }
  try {
    return JSON.stringify(JSON.parse(text))
  } catch (error) {
    throw fail(`decoding seccomp profile failed: ${(error as Error).message}`, error)
  }
}

/** Zero where the engine has its own default, which for a weight is 1024. */
const settingsOf = ({ HostConfig }: ContainerInspectInfo): CgroupSettings => {
  const { CpuShares, CpuQuota, CpuPeriod, Memory } = HostConfig
  return {
    cpuShares: CpuShares === undefined || CpuShares === 0 ? 1024 : CpuShares,
    cpuQuota: Math.max(0, CpuQuota ?? 0),
    cpuPeriod: CpuPeriod ?? 0,
    memoryLimitBytes: Memory ?? 0,
  }
}

export const createContainers = (docker: Docker, facts: EngineFacts): ContainerStore => {
  const toStatus = async (info: ContainerInspectInfo): Promise<ContainerStatus> => {
    const { labels, annotations } = fromDockerLabels(info.Config.Labels)
    const state = stateOf(info)
    const startedAt = parseTime(info.State.StartedAt)
    const finishedAt = state === 'exited' ? parseTime(info.State.FinishedAt) : 0
    return {
      id: info.Id,
      sandboxId: labels[sandboxIdLabel] ?? '',
      podUid: labels[podUidLabel] ?? '',
      name: labels[containerNameLabel] ?? '',
      attempt: attemptOfName(info.Name),
      state,
      createdAt: Date.parse(info.Created),
      // A container that could not start began and ended when it was made.
      startedAt: state === 'exited' && startedAt === 0 ? Date.parse(info.Created) : startedAt,
      finishedAt: state === 'exited' && finishedAt === 0 ? Date.parse(info.Created) : finishedAt,
      exitCode: info.State.ExitCode,
      image: annotations[imageNameAnnotation] ?? info.Config.Image,
      imageId: await imageIdFor(docker, info.Image),
      imageRef: info.Image,
      reason: reasonOf(info),
      message: info.State.Error,
      resources: settingsOf(info),
      logPath: labels[logPathLabel] ?? '',
      user: await userOf(info.State.Pid),
      labels,
      annotations,
    }
  }

  const imageUsers = createImageUsers(docker, facts)

  const userOfContainer = async ({ image, security }: ContainerConfig): Promise<EngineUser> => {
    const { supplementalGroups, supplementalGroupsPolicy: policy } = security
    // Whom the engine would take itself counts only where its groups are asked for.
    const named = security.user === '' && policy === 'Strict'
    const user = named ? (await docker.getImage(image).inspect()).Config.User : security.user
    return engineUser({ user, supplementalGroups, policy }, () => imageUsers(image))
  }

  return {
    create: async (sandbox, wanted) => {
      const config = await withCdiDevices(wanted)
      const info = await docker.getContainer(sandbox.id).inspect()
      const parent: unknown = (info.HostConfig as { CgroupParent?: unknown }).CgroupParent
      const body = containerBody(sandbox, config, {
        ...facts,
        cgroupParent: typeof parent === 'string' ? parent : '',
        sandboxIpcMode: (info.HostConfig as { IpcMode?: string }).IpcMode ?? '',
        seccompProfile: await seccompProfile(config),
        user: await userOfContainer(config),
      })
      try {
        return (await docker.createContainer(body)).id
      } catch (error) {
        if (statusCode(error) !== 409 || body.name === undefined)
          throw new Error(engineMessage(error), { cause: error })
        // Left over by a kubelet that died between create and start.
        const stale = await docker.getContainer(body.name).inspect()
        if (stale.State.Running) throw new Error(engineMessage(error), { cause: error })
        await unlessGone(docker.getContainer(stale.Id).remove({ force: true, v: true }))
        return (await docker.createContainer(body)).id
      }
    },
    start: async (id) => {
      try {
        await docker.getContainer(id).start()
      } catch (error) {
        if (statusCode(error) === 304) return
        throw new Error(
          `failed to start container ${JSON.stringify(id.slice(0, 12))}: Error response from daemon: ${engineMessage(error)}`,
          { cause: error },
        )
      }
    },
    stop: async (id, graceMs, signal) => {
      const container = docker.getContainer(id)
      if (graceMs <= 0) {
        await killNow(docker, id)
        return
      }
      await unlessGone(
        container.stop({ t: Math.ceil(graceMs / 1000), ...(signal === undefined ? {} : { abortSignal: signal }) }),
      )
    },
    remove: (id) => unlessGone(docker.getContainer(id).remove({ force: true, v: true })),
    status: async (id) => {
      const info = await orUndefined(docker.getContainer(id).inspect())
      return info === undefined ? undefined : toStatus(info)
    },
    list: async (podUid) => {
      const label = [...ownerFilter(facts), `${typeLabel}=container`]
      if (podUid !== undefined) label.push(`${podUidLabel}=${podUid}`)
      const infos = await docker.listContainers({ all: true, filters: { label } })
      return infos.map(toSummary).toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
    },
    update: async (id, resources) => {
      try {
        await docker.getContainer(id).update({ ...resourceBody(resources) })
      } catch (error) {
        throw new Error(engineMessage(error), { cause: error })
      }
    },
  }
}

/** SIGKILL at once; one that has stopped already is fine. */
const killNow = async (docker: Docker, id: string): Promise<void> => {
  try {
    await docker.getContainer(id).kill({ signal: 'SIGKILL' })
  } catch (error) {
    const code = statusCode(error)
    if (code !== 404 && code !== 409) throw error
    return
  }
  await unlessGone(docker.getContainer(id).wait())
}
