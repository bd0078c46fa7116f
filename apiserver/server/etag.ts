/** Whether If-None-Match names an ETag: among others, or weakly, or by `*`. */
export const hasEtag = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.split(',').some((part) => {
    const tag = part.trim()
    return tag === '*' || tag.replace(/^W\//, '') === etag
  })
