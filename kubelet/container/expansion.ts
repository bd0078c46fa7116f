/** `$(VAR)` in commands, arguments and variables. Upstream: third_party/forked/golang/expansion. */

/**
 * Replaces `$(NAME)` by `lookup(NAME)`; an unknown name stays as it is written. `$$` is a dollar, so `$$(NAME)` comes
 * out as `$(NAME)`; a dollar before anything else is just a dollar.
 */
export const expand = (input: string, lookup: (name: string) => string | undefined): string =>
  input.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? match),
  )
