/** The sandbox's image: made here when the engine does not have it, because no registry may be reachable. */
import { Readable } from 'node:stream'
import { type Docker, orUndefined } from './client.ts'
import { pauseBinary } from './pause-binary.ts'
import { tar } from './tar.ts'

export const defaultPauseImage = 'registry.k8s.io/pause:3.10'

/** Splits `name:tag`; a colon before a slash belongs to the registry's port. */
const splitTag = (reference: string): { repo: string; tag: string } => {
  const colon = reference.lastIndexOf(':')
  return colon > reference.lastIndexOf('/')
    ? { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) }
    : { repo: reference, tag: 'latest' }
}

/** Makes sure that the engine has the sandbox's image under that name. */
export const ensurePauseImage = async (docker: Docker, reference: string): Promise<void> => {
  if ((await orUndefined(docker.getImage(reference).inspect())) !== undefined) return
  const archive = tar([{ name: 'pause', mode: 0o755, data: pauseBinary() }])
  const { repo, tag } = splitTag(reference)
  const stream = await docker.importImage(Readable.from([archive]), {
    repo,
    tag,
    changes: ['ENTRYPOINT ["/pause"]', 'LABEL io.kubets.pause=true'],
  })
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const text = chunk.toString()
    if (text.includes('"error"')) throw new Error(`importing the sandbox image ${reference}: ${text.trim()}`)
  }
}
