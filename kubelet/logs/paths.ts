/** Where logs of containers are on the node, as log agents expect it. Upstream: pkg/kubelet/kuberuntime/legacy.go, helpers.go */
import { dirname, join } from 'node:path'

interface PodIdentity {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** `/var/log/pods/<namespace>_<name>_<uid>`. */
export const podLogDirectory = (podLogsDir: string, { namespace, name, uid }: PodIdentity): string =>
  join(podLogsDir, [namespace, name, uid].join('_'))

/** UID at the end of a Pod's folder; undefined for a name of another form. */
export const podUidOfFolder = (folder: string): string | undefined => /^[^_]+_[^_]+_([^_]+)$/.exec(folder)?.[1]

/** Below the Pod's folder: `<container>/<attempt>.log`. */
export const containerLogPath = (container: string, attempt: number): string => join(container, `${attempt}.log`)

/** `/var/log/containers` beside `/var/log/pods`: flat, as agents liked it before there were Pods' folders. */
export const containersLogsDir = (podLogsDir: string): string => join(dirname(podLogsDir), 'containers')

const maxFileName = 255
const suffix = '.log'

/** Name of a container's link there. The ID is what tells one from another: the rest is cut where it is too long. */
export const containerLogLink = (
  podLogsDir: string,
  { namespace, name }: Omit<PodIdentity, 'uid'>,
  container: string,
  containerId: string,
): string => {
  const prefix = `${name}_${namespace}_${container}`.slice(0, maxFileName - containerId.length - 1 - suffix.length)
  return join(containersLogsDir(podLogsDir), `${prefix}-${containerId}${suffix}`)
}
