/** The nft command: transactions, and the names of what a table has. */
import { spawn } from 'node:child_process'
import { isAffinitySet, isServiceChain } from './names.ts'
import type { Existing } from './table-model.ts'

/** nft refused a script, or could not be run; the message is its own. */
export class NftError extends Error {
  override readonly name = 'NftError'
}

const maxErrorLength = 4_096

const runNft = (args: readonly string[], input: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn('nft', args, { stdio: 'pipe' })
    const output: string[] = []
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (stderr.length < maxErrorLength) stderr += chunk
    })
    child.on('error', (error) => reject(new NftError(`nft: ${error.message}`)))
    child.on('close', (code) =>
      code === 0 ? resolve(output.join('')) : reject(new NftError(`nft: ${stderr.trim().slice(0, maxErrorLength)}`)),
    )
    child.stdin.on('error', () => undefined) // nft went away early: its exit code says so
    child.stdin.end(input)
  })

/** Runs commands as one atomic transaction: all of them take effect, or none. */
export const applyNft = async (commands: readonly string[]): Promise<void> => {
  await runNft(['-f', '-'], `${commands.join('\n')}\n`)
}

interface Named {
  readonly family: string
  readonly table: string
  readonly name: string
}

type Listed = { readonly [Kind in 'chain' | 'set' | 'map']?: Named }

/** What of Services a table has: an earlier process made it. Rules and elements are not read. */
export const listExisting = async (table: string): Promise<Existing> => {
  const [family = ''] = table.split(' ')
  const list = async (what: string): Promise<Listed[]> => {
    const text = await runNft(['-j', '-t', 'list', what, family], '')
    return (JSON.parse(text) as { nftables: Listed[] }).nftables
  }
  const listed = (await Promise.all(['chains', 'sets', 'maps'].map(list))).flat()
  const own = (named: Named | undefined): string[] =>
    named !== undefined && `${named.family} ${named.table}` === table ? [named.name] : []
  return {
    chains: listed.flatMap(({ chain }) => own(chain)).filter(isServiceChain),
    containers: new Map([
      ...listed
        .flatMap(({ set }) => own(set))
        .filter(isAffinitySet)
        .map((name) => [name, 'set'] as const),
      ...listed
        .flatMap(({ map }) => own(map))
        .filter((name) => /^(endpoints|affinity)-/.test(name))
        .map((name) => [name, 'map'] as const),
    ]),
  }
}
