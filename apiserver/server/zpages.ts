/** /statusz and /flagz: the process as people look at it. Upstream: pkg/server/statusz, pkg/server/flagz */
import { notAcceptable } from '../../api/meta/status-error.ts'
import { randomItem } from '../../component-base/random.ts'
import type { HttpContext } from './context.ts'
import { parseAccept } from './negotiation.ts'
import { sendBytes, sendText } from './respond.ts'
import { yamlText } from './yaml-text.ts'

const component = 'apiserver'
const group = 'config.k8s.io'
const versions = ['v1beta1', 'v1alpha1'] as const
type Version = (typeof versions)[number]

export interface ZPage {
  readonly kind: 'Statusz' | 'Flagz'
  /** What the object has beside kind, version and name. */
  readonly fields: () => object
  /** The lines of the text; upstream changes the separator at random, so that nobody parses it. */
  readonly lines: (separator: string) => readonly string[]
}

const separators = [':', ': ', '=', ' '] as const

type Wanted = 'text' | { readonly format: 'json' | 'yaml'; readonly version: Version }

const mediaTypes = ['application/json', 'application/yaml', 'text/plain'] as const
const formats = { 'application/json': 'json', 'application/yaml': 'yaml' } as const

/** Objects are had by their full name alone. Throws NotAcceptable. */
const wantedBy = (accept: string, kind: ZPage['kind']): Wanted => {
  for (const { type, params } of parseAccept(accept)) {
    for (const mediaType of mediaTypes) {
      const [main] = mediaType.split('/')
      if (type !== mediaType && type !== '*/*' && type !== `${main}/*`) continue
      if (mediaType === 'text/plain') {
        if (!params.has('as')) return 'text'
        continue
      }
      const version = versions.find((known) => known === params.get('v'))
      if (params.get('as') !== kind || params.get('g') !== group || version === undefined) continue
      return { format: formats[mediaType], version }
    }
  }
  throw notAcceptable(mediaTypes)
}

const textOf = ({ kind, lines }: ZPage): string => {
  const separator = randomItem(separators)
  const warning =
    'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'
  return `\n${component} ${kind.toLowerCase()}\n${warning}\n${lines(separator).join('\n')}\n`
}

export const sendZPage = async (ctx: HttpContext, page: ZPage): Promise<void> => {
  const accept = ctx.request.headers.accept?.trim() ?? ''
  const wanted = accept === '' ? 'text' : wantedBy(accept, page.kind)
  if (wanted === 'text') return sendText(ctx, 200, textOf(page))
  const { format, version } = wanted
  if (version === 'v1alpha1') {
    ctx.warnings.push(
      `This version of the ${page.kind.toLowerCase()} endpoint is deprecated. Please use a newer version.`,
    )
  }
  const value = {
    kind: page.kind,
    apiVersion: `${group}/${version}`,
    metadata: { name: component },
    ...page.fields(),
  }
  const contentType = `application/${format};g=${group};v=${version};as=${page.kind}`
  if (format === 'json') return sendBytes(ctx, 200, contentType, `${JSON.stringify(value)}\n`)
  return sendBytes(ctx, 200, contentType, await yamlText(value))
}

/** `Wed Nov 25 14:22:41 UTC 2026`: Go's time.UnixDate. */
const unixDate = (date: Date): string => {
  const [weekday = '', day = '', month = '', year = '', time = ''] = date.toUTCString().replace(',', '').split(' ')
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`
}

const twoDigits = (value: number): string => String(Math.floor(value)).padStart(2, '0')

export interface ProcessFacts {
  readonly startMs: number
  readonly nowMs: () => number
  readonly runtimeVersion: string
  readonly version: string
  readonly paths: () => readonly string[]
}

const notForDebugging: ReadonlySet<string> = new Set(['apis', 'api', 'openid', 'openapi', '.well-known', ''])

/** The first parts of the paths at `/`, without those that are no help in debugging. */
export const topPaths = (paths: readonly string[]): string[] =>
  [...new Set(paths.map((path) => path.split('/')[1] ?? ''))]
    .filter((part) => !notForDebugging.has(part))
    .map((part) => `/${part}`)
    .toSorted()

export const statusz = (facts: ProcessFacts): ZPage => {
  const upSeconds = (): number => Math.max(0, Math.floor((facts.nowMs() - facts.startMs) / 1000))
  const started = new Date(facts.startMs)
  return {
    kind: 'Statusz',
    fields: () => ({
      startTime: `${started.toISOString().slice(0, 19)}Z`,
      uptimeSeconds: upSeconds(),
      goVersion: facts.runtimeVersion,
      binaryVersion: facts.version,
      emulationVersion: facts.version,
      paths: topPaths(facts.paths()),
    }),
    lines: (separator) => {
      const up = upSeconds()
      const line = (name: string, value: string): string => `${name}${separator} ${value}`
      return [
        '',
        line('Started', unixDate(started)),
        line('Up', `${Math.floor(up / 3600)} hr ${twoDigits((up / 60) % 60)} min ${twoDigits(up % 60)} sec`),
        line('Go version', facts.runtimeVersion),
        line('Binary version', facts.version),
        line('Emulation version', facts.version),
        line('Paths', topPaths(facts.paths()).join(' ')),
      ]
    },
  }
}

export const flagz = (flags: Readonly<Record<string, string>>): ZPage => ({
  kind: 'Flagz',
  fields: () => ({ flags }),
  lines: (separator) =>
    Object.keys(flags)
      .toSorted()
      .map((name) => `${name}${separator}${flags[name] ?? ''}`),
})
