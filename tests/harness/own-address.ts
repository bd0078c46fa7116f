/**
 * An address of this machine that is not of 127.0.0.0/8, which proxies refuse to go to. CI's machines have no network
 * but the loopback interface, so the address is put there, and taken away again.
 */
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'

export interface OwnAddress extends Disposable {
  readonly address: string
}

/** Any address of 198.18.0.0/15, which is reserved for tests: files that run at once do not meet. */
export const takeOwnAddress = (): OwnAddress => {
  const address = `198.${18 + randomInt(2)}.${randomInt(256)}.${1 + randomInt(254)}`
  execFileSync('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
  return {
    address,
    [Symbol.dispose]: () => void execFileSync('ip', ['address', 'del', `${address}/32`, 'dev', 'lo']),
  }
}
