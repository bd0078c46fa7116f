/** Cells of admission policies and their bindings. */

interface ParamKind {
  readonly apiVersion?: string
  readonly kind?: string
}
interface ParamRef {
  readonly name?: string
  readonly namespace?: string
}

export const paramKindText = (paramKind: ParamKind | undefined): string =>
  paramKind === undefined ? '<unset>' : `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}`

/** `namespace/name`; `*` where a selector chooses. */
export const paramRefText = (paramRef: ParamRef | undefined): string => {
  if (paramRef === undefined) return '<unset>'
  const namespace = (paramRef.namespace ?? '') === '' ? '*' : paramRef.namespace
  return `${namespace}/${(paramRef.name ?? '') === '' ? '*' : paramRef.name}`
}
