/** What --help and --version print. */
import { formatDuration } from '../../component-base/flags/duration.ts'
import { etcdVersion } from '../version.ts'
import { flagSections } from './flag-table.ts'
import type { FlagSpec } from './flag-types.ts'

const usage = `Usage:

  etcd [flags]
    Start an etcd server.

  etcd --version
    Show the version of etcd.

  etcd -h | --help
    Show the help information about etcd.

  etcd --config-file
    Path to the server configuration file. Note that if a configuration file is provided, other command line flags and environment variables will be ignored.
`

const defaultText = (spec: FlagSpec): string => {
  if (spec.type === 'duration') return formatDuration(spec.default)
  return Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default)
}

const flagText = ([name, spec]: [string, FlagSpec]): string => {
  const note = spec.unsupported === undefined ? '' : ` (No effect: ${spec.unsupported}.)`
  return `  --${name} '${defaultText(spec)}'\n    ${spec.help}${note}\n`
}

export const helpText = (): string => {
  const sections = Object.entries(flagSections).map(
    ([heading, flags]) => `\n${heading}:\n${Object.entries(flags).map(flagText).join('')}`,
  )
  return usage + sections.join('')
}

/** In etcd's shape, which scripts read; with what this is. */
export const versionText = (): string => {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  return [
    `etcd Version: ${etcdVersion}`,
    'Git SHA: none (etcd-lite of kubets)',
    `Go Version: none (Node.js ${process.version})`,
    `Go OS/Arch: ${process.platform}/${arch}`,
    '',
  ].join('\n')
}
