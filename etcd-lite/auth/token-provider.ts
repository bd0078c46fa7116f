/** Whom a token names, and the auth revision it was made at. */
export interface AuthInfo {
  readonly user: string
  readonly revision: number
}

/** Makes tokens for users and reads them again. */
export interface TokenProvider {
  /** A new token. `revision` is the auth revision now; `index` a number that grows with the store. Throws GrpcError. */
  assign(user: string, at: { readonly revision: number; readonly index: number }): string
  /** Whom a token names; undefined if it is none of ours or has run out. `revision` is the auth revision now. */
  info(token: string, revision: number): AuthInfo | undefined
  /** Ends the tokens of one user, where that is possible. */
  invalidateUser(user: string): void
  /** Ends all tokens, where that is possible. */
  clear(): void
}
