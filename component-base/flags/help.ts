import { formatDuration } from './duration.ts'
import type { FlagSpec, FlagSpecs } from './flags.ts'

const defaultText = (spec: FlagSpec): string => {
  switch (spec.type) {
    case 'string':
      return spec.default === '' ? '' : ` (default ${JSON.stringify(spec.default)})`
    case 'bool':
      return spec.default ? ' (default true)' : ''
    case 'int':
    case 'float':
      return spec.default === 0 ? '' : ` (default ${spec.default})`
    case 'duration':
      return spec.default === 0 ? '' : ` (default ${formatDuration(spec.default)})`
    case 'strings':
      return spec.default.length === 0 ? '' : ` (default [${spec.default.join(',')}])`
    case 'map': {
      const pairs = Object.entries(spec.default).map(([key, value]) => `${key}=${value}`)
      return pairs.length === 0 ? '' : ` (default ${pairs.join(',')})`
    }
  }
}

/** What `--help` prints: each flag with type, meaning and default, as upstream's components lay it out. */
export const helpText = (specs: FlagSpecs, name: string): string => {
  const lines = Object.entries(specs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([flag, spec]) => {
      const note = spec.unsupported === undefined ? '' : ` (not supported: ${spec.unsupported})`
      const short = spec.short === undefined ? '    ' : `-${spec.short}, `
      const type = spec.type === 'bool' ? '' : ` ${spec.type}`
      return `  ${short}--${flag}${type}\n                ${spec.help}${defaultText(spec)}${note}`
    })
  return `Usage:\n  ${name} [flags]\n\nFlags:\n${lines.join('\n')}\n`
}
