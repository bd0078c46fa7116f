import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatDuration, parseDuration } from './duration.ts'
import { defineFlags, parseFlags } from './flags.ts'

const specs = defineFlags({
  'secure-port': { type: 'int', default: 6443, help: 'Port.' },
  'leader-elect': { type: 'bool', default: true, help: 'Elect.' },
  'sync-period': { type: 'duration', default: 30_000, help: 'Period.' },
  controllers: { type: 'strings', default: ['*'], help: 'Controllers.' },
  'feature-gates': { type: 'map', default: {}, help: 'Gates.' },
  kubeconfig: { type: 'string', default: '', help: 'Path.' },
})

const parse = (...argv: string[]) => parseFlags(specs, argv, { name: 'test', version: 'v1.36.0' })

describe('parseFlags', () => {
  it('takes values after an equals sign and as the next argument', () => {
    assert.equal(parse('--secure-port=1').values['secure-port'], 1)
    assert.equal(parse('--secure-port', '2').values['secure-port'], 2)
    assert.equal(parse('--kubeconfig=a=b').values.kubeconfig, 'a=b')
    assert.equal(parse('--kubeconfig=').values.kubeconfig, '')
  })

  it('lets a bool stand alone, and never takes the next argument for its value', () => {
    assert.deepEqual(parse('--leader-elect', 'false').positional, ['false'])
    assert.equal(parse('--leader-elect=false').values['leader-elect'], false)
  })

  it('replaces a default list by the first occurrence and adds the later ones', () => {
    assert.deepEqual(parse('--controllers=a,b', '--controllers=c').values.controllers, ['a', 'b', 'c'])
    assert.deepEqual(parse().values.controllers, ['*'])
  })

  it('reads durations as milliseconds and maps as records', () => {
    assert.equal(parse('--sync-period=1m30s').values['sync-period'], 90_000)
    assert.deepEqual(parse('--feature-gates=A=true,B=false').values['feature-gates'], { A: 'true', B: 'false' })
  })

  it('treats underscores as dashes', () => {
    assert.equal(parse('--secure_port=1').values['secure-port'], 1)
  })

  it('knows what was set', () => {
    assert.equal(parse('--secure-port=6443').isSet('secure-port'), true)
    assert.equal(parse().isSet('secure-port'), false)
  })

  it('takes verbosity in every form of pflag', () => {
    for (const argv of [['-v', '2'], ['-v=2'], ['-v2'], ['--v=2'], ['--v', '2']]) assert.ok(parse(...argv))
  })

  const refusals: readonly (readonly [argv: string[], message: string])[] = [
    [['--foo'], 'unknown flag: --foo'],
    [['--foo=1'], 'unknown flag: --foo'],
    [['--constructor=1'], 'unknown flag: --constructor'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['--secure-port'], 'flag needs an argument: --secure-port'],
    [['--=1'], 'bad flag syntax: --=1'],
    [
      ['--secure-port=a'],
      'invalid argument "a" for "--secure-port" flag: strconv.ParseInt: parsing "a": invalid syntax',
    ],
    [['--sync-period=5'], 'invalid argument "5" for "--sync-period" flag: time: missing unit in duration "5"'],
    [['--sync-period=x'], 'invalid argument "x" for "--sync-period" flag: time: invalid duration "x"'],
    [
      ['--leader-elect=maybe'],
      'invalid argument "maybe" for "--leader-elect" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [['-v', 'a'], 'invalid argument "a" for "-v, --v" flag: strconv.ParseInt: parsing "a": invalid syntax'],
    [['--feature-gates=A'], 'invalid argument "A" for "--feature-gates" flag: A must be formatted as key=value'],
  ]
  for (const [argv, message] of refusals) {
    it(`refuses ${argv.join(' ')} in pflag's words`, () => {
      assert.throws(() => parse(...argv), { name: 'UsageError', message })
    })
  }
})

describe('durations', () => {
  const table: readonly (readonly [text: string, ms: number])[] = [
    ['0s', 0],
    ['250ms', 250],
    ['1.5s', 1500],
    ['1m30s', 90_000],
    ['1h0m0s', 3_600_000],
    ['-2m0s', -120_000],
    ['26h3m4.5s', 93_784_500],
    ['10µs', 0.01],
  ]
  for (const [text, ms] of table) {
    it(`reads ${text} and writes it as Go does`, () => {
      assert.equal(parseDuration(text), ms)
      assert.equal(formatDuration(ms), text)
    })
  }

  it('refuses what Go refuses', () => {
    for (const text of ['', '5', '1d', 's', '1 s', '1s2', '--1s']) assert.equal(parseDuration(text), undefined, text)
    assert.equal(parseDuration('0'), 0)
    assert.equal(parseDuration('.5s'), 500)
  })
})
