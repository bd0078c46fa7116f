/** Images on a CRI runtime. */
import type { Image, ImageService } from '../runtime-service.ts'
import { type CriClient, isNotFound, withRpcText } from './client.ts'
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
    const { imageRef } = await withRpcText(
      client.call(
        methods.pullImage,
        { image: { image: reference, userSpecifiedImage: reference }, ...(auth === undefined ? {} : { auth }) },
        { timeoutMs: undefined, signal },
      ),
    )
    return imageRef
  },
  removeImage: async (reference) => {
    await withRpcText(
      client.call(methods.removeImage, { image: { image: reference } }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      }),
    )
  },
  imageFolder: async () => {
    const { imageFilesystems } = await client.call(methods.imageFsInfo, {})
    const mountpoint = imageFilesystems[0]?.fsId?.mountpoint
    if (mountpoint === undefined) throw new Error('the container runtime does not tell where its images are')
    return mountpoint
  },
})
