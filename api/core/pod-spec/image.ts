/** Image references, as far as pull policy depends on them. */

const pathPart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const registry = '(?:[A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?'
const reference = new RegExp(
  `^(?:${registry}/)?${pathPart}(?:/${pathPart})*(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`,
)

/** The tag, `latest` where neither tag nor digest is given, '' where there is only a digest or no valid reference. */
export const imageTag = (image: string): string => {
  const match = reference.exec(image)
  if (match === null) return ''
  return match[1] ?? (match[2] === undefined ? 'latest' : '')
}

/** `Always` for :latest, else `IfNotPresent`. */
export const defaultPullPolicy = (image: string | undefined): 'Always' | 'IfNotPresent' =>
  imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
