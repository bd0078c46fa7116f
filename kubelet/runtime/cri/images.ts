/** Images on a CRI runtime. */
import type { Image, ImageService } from '../runtime-service.ts'
import { type CriClient, isUnknown, rpcErrorText, unlessGone, withRpcText } from './client.ts'
import { type CriImage, imageMethods as methods } from './runtime-messages.ts'

const toImage = (image: CriImage): Image => ({
  id: image.id,
  repoTags: image.repoTags,
  repoDigests: image.repoDigests,
  sizeBytes: image.size,
  user: image.uid === undefined ? image.username : String(image.uid.value),
  pinned: image.pinned,
})

export const createImages = (client: CriClient): ImageService => ({
  listImages: async () => (await client.call(methods.listImages, {})).images.map(toImage),
  imageStatus: async (reference) => {
    const { image } = await withRpcText(client.call(methods.imageStatus, { image: { image: reference } }))
    return image === undefined ? undefined : toImage(image)
  },
  pullImage: async (reference, auth, signal) => {
    // Ends with the signal alone: how long a pull takes is the network's affair.
    const request = {
      image: { image: reference, userSpecifiedImage: reference },
      // No server: as upstream. containerd takes it for a URL, and then the image's registry for another one.
      ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password } }),
    }
    try {
      return (await client.call(methods.pullImage, request, { timeoutMs: undefined, signal })).imageRef
    } catch (error) {
      // Unknown says nothing, and what a message begins with may be a reason (RegistryUnavailable).
      if (isUnknown(error)) throw new Error(error.details, { cause: error })
      throw new Error(rpcErrorText(error), { cause: error })
    }
  },
  removeImage: async (reference) => {
    await withRpcText(unlessGone(client.call(methods.removeImage, { image: { image: reference } })))
  },
  extractImage: undefined,
  imageFolder: async () => {
    const { imageFilesystems } = await client.call(methods.imageFsInfo, {})
    const mountpoint = imageFilesystems[0]?.fsId?.mountpoint
    if (mountpoint === undefined) throw new Error('the container runtime does not tell where its images are')
    return mountpoint
  },
})
