/**
 * How a Pod with hostNetwork joins its *node's* network namespace, which need not be Docker's.
 *
 * Docker knows three ways: `host` (its own namespace), `container:<id>`, and none. A node that is a container itself
 * is joined by its ID. For a node that is a bare network namespace, an anchor container is kept whose init process
 * enters that namespace: Docker resolves `container:<anchor>` to /proc/<pid>/ns/net when a container starts.
 */
import { createHash } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { type Docker, orUndefined, statusCode, unlessGone } from './client.ts'
import { type Owner, ownerLabels, typeLabel } from './labels.ts'

/** ID of the container that this process runs in, from the files that Docker mounts into it. */
const ownContainerId = async (): Promise<string | undefined> => {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  return /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf) /.exec(mounts)?.[1]
}

const networkNamespaceOf = async (pid: number | 'self'): Promise<string | undefined> => {
  try {
    return await readlink(`/proc/${pid}/ns/net`)
  } catch {
    return undefined
  }
}

type AnchorFacts = Owner & { readonly pauseImage: string }

/** One anchor a node, under a name that makes a second one impossible. */
const anchorName = ({ nodeName, rootDir }: Owner): string =>
  `k8s_node_${nodeName}_${createHash('sha256').update(rootDir).digest('hex').slice(0, 8)}`

const findAnchor = async (docker: Docker, owner: Owner, namespace: string): Promise<string | undefined> => {
  const found = await orUndefined(docker.getContainer(anchorName(owner)).inspect())
  if (found === undefined) return undefined
  if (found.State.Running && (await networkNamespaceOf(found.State.Pid)) === namespace) return found.Id
  // The node was set up anew, or the machine restarted: the old namespace is nobody's.
  await unlessGone(docker.getContainer(found.Id).remove({ force: true }))
  return undefined
}

const createAnchor = async (docker: Docker, owner: AnchorFacts, namespace: string): Promise<string> => {
  const { nodeName, pauseImage: image } = owner
  const container = await docker.createContainer({
    name: anchorName(owner),
    Image: image,
    Cmd: [`/proc/${process.pid}/ns/net`],
    Hostname: nodeName,
    Labels: { ...ownerLabels(owner), [typeLabel]: 'node' },
    HostConfig: {
      NetworkMode: 'none',
      PidMode: 'host',
      CapAdd: ['SYS_ADMIN', 'SYS_PTRACE'],
      SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      LogConfig: { Type: 'none', Config: {} },
    },
  })
  await container.start()
  // The process enters the namespace within a millisecond of its start; nothing announces it.
  for (let attempt = 0; attempt < 100; attempt++) {
    const state = (await container.inspect()).State
    if (!state.Running) break
    if ((await networkNamespaceOf(state.Pid)) === namespace) return container.id
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await unlessGone(container.remove({ force: true }))
  throw new Error(`the network namespace of node ${nodeName} cannot be entered by a container (is the engine remote?)`)
}

/** Gives Docker's NetworkMode for Pods in the node's network, making the anchor when one is needed. */
export const createHostNetwork = (docker: Docker, facts: AnchorFacts): (() => Promise<string>) => {
  let pending: Promise<string> | undefined
  const resolve = async (): Promise<string> => {
    const own = await ownContainerId()
    if (own !== undefined && (await orUndefined(docker.getContainer(own).inspect())) !== undefined) {
      return `container:${own}`
    }
    const namespace = await networkNamespaceOf('self')
    if (namespace === undefined) throw new Error('/proc/self/ns/net cannot be read')
    if (namespace === (await networkNamespaceOf(1))) return 'host'
    try {
      const anchor = (await findAnchor(docker, facts, namespace)) ?? (await createAnchor(docker, facts, namespace))
      return `container:${anchor}`
    } catch (error) {
      if (statusCode(error) !== 409) throw error
      const anchor = await findAnchor(docker, facts, namespace)
      if (anchor === undefined) throw error
      return `container:${anchor}`
    }
  }
  return () => {
    pending ??= resolve().finally(() => {
      pending = undefined
    })
    return pending
  }
}
