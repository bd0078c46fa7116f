/** The part of the npm package bcrypt that is used; it ships no types. */
declare module 'bcrypt' {
  export const genSalt: (rounds: number, minor: 'a' | 'b') => Promise<string>
  export const hash: (data: string | Buffer, salt: string) => Promise<string>
  export const compare: (data: string | Buffer, encrypted: string) => Promise<boolean>
}
