import type { Pod } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { maxNodeScore } from '../framework/scores.ts'

const mebibyte = 1024 * 1024
/** Less than this on a node is not worth a preference. */
const minThreshold = 23 * mebibyte
/** Of one image: more does not make a node better. */
const maxThreshold = 1000 * mebibyte

/** As nodes name images: with a tag. */
export const normalizedImageName = (name: string): string =>
  name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name

/** The images that the Pod needs: of containers, and of image volumes. */
export const imagesOf = ({ spec }: Pod): string[] => {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ image = '' }) => image)
  const volumes = (spec?.volumes ?? []).flatMap(({ image }) => image?.reference ?? [])
  return [...containers, ...volumes].filter((image) => image !== '').map(normalizedImageName)
}

interface WantedImages {
  /** Images that some node has, and by how much their size counts: the share of nodes that have it. */
  readonly spread: readonly { readonly name: string; readonly share: number }[]
  readonly maxSum: number
}

const sumOf = (info: LiveNodeInfo, { spread }: WantedImages): number => {
  let sum = 0
  for (const { name, share } of spread) sum += Math.floor((info.images.get(name) ?? 0) * share)
  return sum
}

/**
 * Prefers nodes that have the Pod's images, by their size; an image that few nodes have counts less, so that these are
 * not overrun.
 */
export const imageLocality: PluginFactory = (_args, { snapshot }): Plugin<undefined, WantedImages> => ({
  name: 'ImageLocality',
  preScore: (pod) => {
    const images = imagesOf(pod)
    const nodes = snapshot.nodes.length
    const spread = images.flatMap((name) => {
      const having = snapshot.nodesWithImage(name)
      return having === 0 ? [] : [{ name, share: having / nodes }]
    })
    // Nobody has any: all score the same.
    return spread.length === 0 ? undefined : { spread, maxSum: maxThreshold * images.length }
  },
  score: (_pod, info, wanted) => {
    const sum = Math.min(Math.max(sumOf(info, wanted), minThreshold), wanted.maxSum)
    return Math.floor((maxNodeScore * (sum - minThreshold)) / (wanted.maxSum - minThreshold))
  },
})
