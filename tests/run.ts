/** `npm test`: runs every suite in order and ends with one line that sums them: `N passed, N failed`. */
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { projectRoot } from '../deploy/layout.ts'
import type { Failure } from './harness/failures-reporter.ts'

interface Suite {
  readonly name: string
  readonly patterns: readonly string[]
  /** Files at a time: suites with whole clusters share the machine one after another. */
  readonly concurrency: number
  readonly timeoutMs: number
  readonly env?: Readonly<Record<string, string>>
}

const minutes = (count: number): number => count * 60_000

const components = [
  'api',
  'apiserver',
  'client',
  'component-base',
  'controller-manager',
  'deploy',
  'etcd-lite',
  'kubelet',
  'proxy',
  'scheduler',
  'testing',
]

/** Integration tests whose API servers keep their data somewhere else: see KUBETS_TEST_STORE in harness/. */
const onStore = (store: 'etcd' | 'etcd-cluster-with-loss', files: string): Suite => ({
  name: `integration-${store}`,
  patterns: [`tests/integration/{${files}}.test.ts`],
  concurrency: 1,
  timeoutMs: minutes(10),
  env: { KUBETS_TEST_STORE: store },
})

const unit: Suite = {
  name: 'unit',
  patterns: components.map((folder) => `${folder}/**/*.test.ts`),
  concurrency: 2,
  timeoutMs: minutes(5),
}
const oneAtATime = (name: string, timeoutMinutes: number): Suite => ({
  name,
  patterns: [`tests/${name}/**/*.test.ts`],
  concurrency: 1,
  timeoutMs: minutes(timeoutMinutes),
})

/** One after the other; each has lanes that run beside each other, and a lane's suites run one after the other. */
const stages: readonly (readonly (readonly Suite[])[])[] = [
  [[unit]],
  [
    [
      oneAtATime('integration', 10),
      // Once more on a real etcd, and on three of which one is lost for a while: what has to do with the store.
      onStore('etcd', 'api-machinery,apply,curl,services-two-servers'),
      onStore('etcd-cluster-with-loss', 'api-machinery,apply,bad-input,curl,kubectl-surface,services-two-servers'),
    ],
    [oneAtATime('differential', 10), oneAtATime('etcd', 10)],
  ],
  // Whole clusters with their nodes have the machine to themselves.
  [[oneAtATime('e2e', 20), oneAtATime('faults', 20)]],
]

interface Result {
  readonly passed: number
  readonly failed: number
  /** What is said once more at the end, where CI's reader looks first. */
  readonly notes: readonly string[]
}

const count = (output: string, word: string): number =>
  Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0)

interface Run {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly Failure[]
}

const readFailures = (path: string): Failure[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Failure)

type Write = (text: string) => void

const runFiles = (suite: Suite, files: readonly string[], write: Write): Promise<Run> => {
  const directory = mkdtempSync(join(tmpdir(), 'kubets-run-'))
  const failuresPath = join(directory, 'failures')
  return new Promise((resolve) => {
    const args = [
      '--test',
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(projectRoot, 'tests/harness/failures-reporter.ts')}`,
      `--test-reporter-destination=${failuresPath}`,
      `--test-concurrency=${suite.concurrency}`,
      `--test-timeout=${suite.timeoutMs}`,
    ]
    const child = spawn(process.execPath, [...args, ...files], {
      cwd: projectRoot,
      env: { ...process.env, ...suite.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let tail = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      write(chunk)
      tail = (tail + chunk).slice(-1_000_000)
    })
    child.on('close', (code) => {
      const failures = existsSync(failuresPath) ? readFailures(failuresPath) : []
      rmSync(directory, { recursive: true, force: true })
      const failed = count(tail, 'fail') + count(tail, 'cancelled')
      // A runner that died counted nothing: that is a failure too.
      resolve({ passed: count(tail, 'pass'), failed: failed === 0 && code !== 0 ? 1 : failed, failures })
    })
  })
}

/** More than this is no accident of a busy machine. */
const maxFilesAgain = 8

/**
 * Runs a suite. A few files with failures run once more, alone: clusters that are killed, cut and starved on a shared
 * machine now and then miss a deadline. What passes then counts as passed, and is told at the end by name.
 */
const runSuite = async (suite: Suite, write: Write): Promise<Result> => {
  const files = suite.patterns.flatMap((pattern) => globSync(pattern, { cwd: projectRoot })).sort()
  if (files.length === 0) return { passed: 0, failed: 0, notes: [] }
  const { passed, failed, failures } = await runFiles(suite, files, write)
  const told = failures.map(
    ({ file, name, message }) => `✖ ${suite.name}: ${relative(projectRoot, file)}: ${name}\n${message}`,
  )
  const bad = [...new Set(failures.map(({ file }) => relative(projectRoot, file)))]
  if (failed === 0 || bad.length === 0 || bad.length > maxFilesAgain) {
    return { passed, failed, notes: failed > 0 && told.length === 0 ? [`✖ the runner of ${suite.name} died`] : told }
  }
  write(`\n=== ${suite.name}, once more: ${bad.join(', ')}\n`)
  const again = await runFiles({ ...suite, concurrency: 1 }, bad, write)
  const names = new Set(again.failures.map(({ file, name }) => `${file} ${name}`))
  const notes = told.map((text, index) => {
    const failure = failures[index]
    const fails = failure === undefined || names.has(`${failure.file} ${failure.name}`)
    return fails ? text : text.replace('✖', '↻ passed when it ran once more:')
  })
  return again.failed === 0
    ? { passed: passed + failed, failed: 0, notes }
    : { passed: passed + Math.max(failed - again.failed, 0), failed: again.failed, notes }
}

/** Checks that are one command each and count as one test each. */
const runCheck = (name: string, args: readonly string[]): Promise<Result> =>
  new Promise((resolve) => {
    const [file = '', ...rest] = args
    const child = spawn(file, rest, { cwd: projectRoot, stdio: ['ignore', 'inherit', 'inherit'] })
    const failed: Result = { passed: 0, failed: 1, notes: [`✖ ${name}`] }
    child.on('error', () => resolve(failed))
    child.on('close', (code) => {
      process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name}\n`)
      resolve(code === 0 ? { passed: 1, failed: 0, notes: [] } : failed)
    })
  })

/** Of a suite. */
const maxNotes = 30

const only = process.argv.slice(2)
const wanted = (name: string): boolean => only.length === 0 || only.includes(name)
const results: Result[] = []
if (wanted('check')) {
  results.push(await runCheck('types', ['node_modules/.bin/tsc']))
  results.push(await runCheck('lint', ['node_modules/.bin/oxlint', '--type-aware']))
  results.push(await runCheck('format', ['node_modules/.bin/biome', 'format', '.']))
  results.push(await runCheck('imports', [process.execPath, 'tests/check-imports.ts']))
}
const live: Write = (text) => void process.stdout.write(text)

const runLane = async (lane: readonly Suite[], write: Write): Promise<void> => {
  for (const suite of lane) {
    if (!wanted(suite.name)) continue
    write(`\n=== ${suite.name}\n`)
    results.push(await runSuite(suite, write))
  }
}
for (const [first = [], ...others] of stages) {
  // What the others print comes when the first is done, not in between.
  const kept = others.map(() => '')
  const beside = others.map((lane, index) => runLane(lane, (text) => (kept[index] += text)))
  await runLane(first, live)
  await Promise.all(beside)
  for (const text of kept) live(text)
}
const sum = (pick: (result: Result) => number): number => results.reduce((total, result) => total + pick(result), 0)
const failed = sum((result) => result.failed)
for (const { notes } of results) for (const note of notes.slice(0, maxNotes)) process.stdout.write(`\n${note}\n`)
process.stdout.write(`\n${sum((result) => result.passed)} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
