#!/usr/bin/env node
/** etcdutl: backup files and data directories of etcd-lite, and of real etcds, without a server. */
import { commonFlags, parseFlags } from '../component-base/flags/flags.ts'
import { useCompileCache } from '../component-base/process/compile-cache.ts'
import { UsageError } from '../component-base/process/run.ts'
import { commands } from './etcdutl/commands.ts'
import { etcdutlFlags } from './etcdutl/options.ts'
import { etcdVersion } from './version.ts'

/** As the real one's. */
const exitCode = { failed: 1, badArguments: 128 } as const

const usage = (): string => ['usage:', ...commands.map((command) => `  etcdutl ${command.usage}`)].join('\n')

const main = async (argv: readonly string[]): Promise<string> => {
  const { values, isSet, positional } = parseFlags(etcdutlFlags, argv, { name: 'etcdutl', version: etcdVersion })
  const command = commands.find(({ words }) => words.every((word, i) => positional[i] === word))
  if (command === undefined) {
    const given = positional.length === 0 ? 'no command given' : `unknown command "${positional.join(' ')}"`
    throw new UsageError(`${given}\n${usage()}`)
  }
  for (const flag of Object.keys(etcdutlFlags)) {
    const allowed = flag === 'write-out' || flag in commonFlags || command.flags.includes(flag)
    if (isSet(flag as keyof typeof etcdutlFlags) && !allowed) throw new UsageError(`unknown flag: --${flag}`)
  }
  return command.run(positional.slice(command.words.length), values, (flag) => isSet(flag as keyof typeof etcdutlFlags))
}

useCompileCache()
try {
  const output = await main(process.argv.slice(2))
  if (output !== '') process.stdout.write(`${output}\n`)
} catch (err) {
  process.stderr.write(`Error: ${err instanceof Error ? err.message : String(err)}\n`)
  process.exitCode = err instanceof UsageError ? exitCode.badArguments : exitCode.failed
}
