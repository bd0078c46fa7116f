import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { verbosityOf } from './run.ts'

const runModule = new URL('run.ts', import.meta.url).href

/** Runs `main` in a process of its own; `ready` on stdout brings the signals. */
const runMain = async (main: string, signals: readonly NodeJS.Signals[] = []) => {
  const source = `
    import { run, UsageError } from ${JSON.stringify(runModule)}
    const aborted = (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    const ready = () => process.stdout.write('ready')
    run('kube-test', async ({ signal, log }) => { ${main} }, { shutdownTimeoutMs: 200 })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source])
  const stderr = text(child.stderr)
  child.stdout.on('data', async () => {
    for (const signal of signals) {
      child.kill(signal)
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr: await stderr }
}

describe('run', () => {
  it('ends with 0 when main returns after a signal', async () => {
    const { code, stderr } = await runMain(`ready(); await aborted(signal); log.info('cleaned up')`, ['SIGTERM'])
    assert.equal(code, 0)
    const line = JSON.parse(stderr)
    assert.deepEqual([line.level, line.component, line.msg], ['info', 'kube-test', 'cleaned up'])
  })

  it('ends with 1 when main does not return in time', async () => {
    const { code, stderr } = await runMain(`ready(); await new Promise(() => setInterval(() => {}, 1000))`, ['SIGINT'])
    assert.equal(code, 1)
    assert.match(stderr, /"level":"fatal".*shutdown took too long/)
  })

  it('ends with 1 at once at the second signal', async () => {
    const main = `ready(); await aborted(signal); await new Promise(() => setInterval(() => {}, 1000))`
    const { code, stderr } = await runMain(main, ['SIGTERM', 'SIGTERM'])
    assert.equal(code, 1)
    assert.equal(stderr, '')
  })

  it('tells of errors that nobody caught, with their stack', async () => {
    for (const main of [
      `setTimeout(() => { throw new Error('lost') }); await aborted(signal)`,
      `Promise.reject(new Error('lost')); setInterval(() => {}, 1000); await aborted(signal)`,
      `throw new Error('lost')`,
    ]) {
      const { code, stderr } = await runMain(main)
      assert.equal(code, 1)
      assert.match(stderr, /"level":"fatal".*"err":"Error: lost\\n +at /)
    }
  })

  it('tells of a usage error in one line', async () => {
    const { code, stderr } = await runMain(`throw new UsageError('unknown flag: --foo')`)
    assert.deepEqual([code, stderr], [2, 'Error: unknown flag: --foo\n'])
  })
})

describe('verbosityOf', () => {
  const table: readonly (readonly [argv: string[], verbosity: number])[] = [
    [[], 0],
    [['--v=4'], 4],
    [['--v', '2'], 2],
    [['-v', '3'], 3],
    [['-v5'], 5],
    [['-v=6'], 6],
    [['--version'], 0],
    [['--vmodule=a=1'], 0],
  ]
  for (const [argv, verbosity] of table) {
    it(`reads ${JSON.stringify(argv)} as ${verbosity}`, () => assert.equal(verbosityOf(argv), verbosity))
  }
})
