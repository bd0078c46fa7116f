/** The kubelet's folders under --root-dir, as upstream names them. */
import { join } from 'node:path'

export interface KubeletPaths {
  readonly root: string
  readonly pods: string
  pod(uid: string): string
  podVolumes(uid: string): string
  /** `kind` is upstream's plugin name, for example `empty-dir`. */
  podVolume(uid: string, kind: string, name: string): string
  /** All of one kind. */
  podVolumeKind(uid: string, kind: string): string
  podContainer(uid: string, container: string): string
  /** Where the sub-path of a container's mount is bound, by the mount's index. */
  podSubPath(uid: string, volume: string, container: string, index: number): string
  etcHosts(uid: string): string
  resolvConf(uid: string): string
  readonly cniCache: string
  readonly cniNetworks: string
}

export const kubeletPaths = (root: string): KubeletPaths => {
  const pods = join(root, 'pods')
  const pod = (uid: string): string => join(pods, uid)
  return {
    root,
    pods,
    pod,
    podVolumes: (uid) => join(pod(uid), 'volumes'),
    podVolume: (uid, kind, name) => join(pod(uid), 'volumes', `kubernetes.io~${kind}`, name),
    podVolumeKind: (uid, kind) => join(pod(uid), 'volumes', `kubernetes.io~${kind}`),
    podContainer: (uid, container) => join(pod(uid), 'containers', container),
    podSubPath: (uid, volume, container, index) => join(pod(uid), 'volume-subpaths', volume, container, String(index)),
    etcHosts: (uid) => join(pod(uid), 'etc-hosts'),
    resolvConf: (uid) => join(pod(uid), 'resolv.conf'),
    cniCache: join(root, 'cni', 'results'),
    cniNetworks: join(root, 'cni', 'networks'),
  }
}
