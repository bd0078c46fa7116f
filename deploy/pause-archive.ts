/** The sandbox's image as an archive that containerd imports: there need not be a registry, nor a Docker engine. */
import { createHash } from 'node:crypto'
import { pauseBinary } from '../kubelet/runtime/docker/pause-binary.ts'
import { defaultPauseImage } from '../kubelet/runtime/docker/pause-image.ts'
import { tar } from '../kubelet/runtime/docker/tar.ts'

export const pauseImage = defaultPauseImage

const digest = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
const goArch: Readonly<Record<string, string>> = { x64: 'amd64' }

/** As `docker save` writes it: a manifest, a configuration and one layer. */
export const pauseArchive = (): Buffer => {
  const layer = tar([{ name: 'pause', mode: 0o755, data: pauseBinary() }])
  const config = Buffer.from(
    JSON.stringify({
      architecture: goArch[process.arch] ?? process.arch,
      os: 'linux',
      config: { Entrypoint: ['/pause'], Env: ['PATH=/'], Labels: { 'io.kubets.pause': 'true' } },
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
      history: [{ created_by: 'kubets' }],
    }),
  )
  const configName = `${digest(config)}.json`
  const manifest = Buffer.from(JSON.stringify([{ Config: configName, RepoTags: [pauseImage], Layers: ['layer.tar'] }]))
  return tar([
    { name: configName, mode: 0o644, data: config },
    { name: 'layer.tar', mode: 0o644, data: layer },
    { name: 'manifest.json', mode: 0o644, data: manifest },
  ])
}
