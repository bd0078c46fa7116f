/** Which engine a kubelet runs Pods on, with what the kubelet must know to use it. */
import { basename } from 'node:path'
import { connectCri } from './cri/client.ts'
import { runtimeMethods } from './cri/runtime-messages.ts'
import type { ImageService, RuntimeService } from './runtime-service.ts'

export interface ContainerEngine {
  readonly runtime: RuntimeService
  readonly images: ImageService
  /** 'cgroupfs' or 'systemd': how cgroup parents are written. */
  readonly cgroupDriver: string
  /** The runtime runs the CNI plugins, and looks for their configuration itself. */
  readonly wiresPods: boolean
  /** Others than this kubelet have images there, too. */
  readonly sharesImages: boolean
  /** '' when Pods can get a network. */
  networkNotReady(): Promise<string>
  close(): void
}

const knownSockets: Readonly<Record<string, 'docker' | 'cri'>> = {
  'docker.sock': 'docker',
  'containerd.sock': 'cri',
  'crio.sock': 'cri',
  'cri-dockerd.sock': 'cri',
}

const askTimeoutMs = 5000

/** By the socket's name; one of another name is asked for its CRI version. */
export const engineKind = async (endpoint: string): Promise<'docker' | 'cri'> => {
  const known = knownSockets[basename(endpoint)]
  if (known !== undefined) return known
  const client = connectCri(endpoint)
  try {
    await client.call(runtimeMethods.version, { version: 'v1' }, { timeoutMs: askTimeoutMs })
    return 'cri'
  } catch {
    return 'docker'
  } finally {
    client.close()
  }
}
