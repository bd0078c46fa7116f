/** Image references: `registry/path:tag@digest`. Upstream: distribution/reference. */

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const domain =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?)'
const reference = new RegExp(
  `^(?:${domain}/)?${component}(?:/${component})*(?::[\\w][\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`,
)
const bareId = /^(?:sha256:)?[0-9a-f]{64}$/

/** The reference with `:latest` where it names neither tag nor digest; undefined when it is malformed. */
export const normalizeImage = (image: string): string | undefined => {
  if (bareId.test(image)) return image
  if (image.length > 1024 || !reference.test(image)) return undefined
  const name = image.slice(image.lastIndexOf('/') + 1)
  return name.includes(':') || image.includes('@') ? image : `${image}:latest`
}

/** Always for `:latest` or no tag, else IfNotPresent: the API server's default, for Pods that it did not see. */
export const defaultPullPolicy = (image: string): 'Always' | 'IfNotPresent' => {
  const normalized = normalizeImage(image)
  return normalized?.endsWith(':latest') === true ? 'Always' : 'IfNotPresent'
}

/** The registry's host of a reference; Docker Hub's where it names none. */
export const registryOf = (image: string): string => {
  const first = image.split('/')[0] ?? ''
  const isHost = image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost')
  return isHost ? first : 'docker.io'
}
