/**
 * The path that a backend sees. Upstream works on the decoded path: escapes are undone, `//`, `.` and `..` resolved, and
 * what is left is escaped again in Go's way, so `%2F` of the client is a slash for the backend. Pure.
 * Upstream: getRequestOptions, JoinPreservingTrailingSlash, Go's URL.EscapedPath
 */

/** Escapes to bytes; each is one character of the result. */
const decodeBytes = (path: string): string =>
  path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** What Go leaves as it is in a path. */
const encodeBytes = (path: string): string =>
  path.replace(
    /[^A-Za-z0-9\-_.~$&+,/:;=@]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )

/** Resolves empty, `.` and `..` segments of an absolute path; a slash at the end stays. */
export const cleanPath = (path: string): string => {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  const cleaned = `/${kept.join('/')}`
  return path.endsWith('/') && cleaned !== '/' ? `${cleaned}/` : cleaned
}

/** The path for the backend out of what follows `…/proxy` in the request line: undecoded, '' or with a leading slash. */
export const backendPath = (subpath: string): string => encodeBytes(cleanPath(decodeBytes(subpath)))
