/** Kubernetes' functions, by the examples of https://kubernetes.io/docs/reference/using-api/cel/ and of KEPs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compile } from '../program.ts'
import { CelError } from '../values.ts'
import { opaqueOf } from '../types.ts'
import { type AuthorizerQuestion, authorizerType, AuthorizerValue } from './authorizer.ts'
import { kubernetesEnvironment } from './kubernetes.ts'

const environment = kubernetesEnvironment({})
const evaluate = (expression: string): unknown => compile(expression, environment).evaluate(() => undefined).value

const truths = [
  `names.exists(n, n == "b")`.replace('names', '["a", "b"]'),
  `['a', 'a', 'b', 'c'].isSorted() && ![2.0, 1.0].isSorted()`,
  `[1, 3].sum() == 4 && [1.0, 3.0].sum() == 4.0`,
  `['1m', '1s'].map(s, duration(s)).sum() == duration('1m1s')`,
  `[1, 3].min() == 1 && [1, 3].max() == 3`,
  `[1, 2, 2, 3].indexOf(2) == 1 && [1, 2, 2, 3].lastIndexOf(2) == 2 && [1.0].indexOf(1.1) == -1`,
  `"abc 123".find('[0-9]+') == '123' && "abc".find('[0-9]+') == ''`,
  `"123 abc 456".findAll('[0-9]+') == ['123', '456'] && "123 abc 456".findAll('[0-9]+', 1) == ['123']`,
  `url('https://example.com:80/').getHost() == 'example.com:80' && url('/path').getHost() == ''`,
  `url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'`,
  `url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/'`,
  `url('https://example.com/path?k1=a&k2=b&k2=c').getQuery() == {'k1': ['a'], 'k2': ['b', 'c']}`,
  `url('/path?key=%20value').getQuery()['key'] == [' value']`,
  `isURL('https://user:pass@example.com:80/path?q=v#f') && isURL('/absolute') && !isURL('https://a:b:c/') && !isURL('../rel')`,
  `isQuantity('1.3G') && isQuantity('500m') && !isQuantity('1.3 G') && !isQuantity('200K')`,
  `quantity('50000000G').isInteger() && !quantity('50.5').isInteger() && quantity('50k').asInteger() == 50000`,
  `quantity('200M').compareTo(quantity('0.2G')) == 0 && quantity('150Mi').isGreaterThan(quantity('100Mi'))`,
  `quantity('50k').add('20k' == '' ? quantity('1') : quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k')`,
  `quantity('-5').sign() == -1 && quantity('1.5').asApproximateFloat() == 1.5`,
  `isIP('127.0.0.1') && isIP('::1') && !isIP('1.2.3') && !isIP('fe80::1%eth0') && !isIP('::ffff:1.2.3.4')`,
  `ip.isCanonical('::1') && !ip.isCanonical('0:0:0:0:0:0:0:1') && ip('127.0.0.1').family() == 4`,
  `ip('127.0.0.1').isLoopback() && ip('::').isUnspecified() && ip('224.0.0.1').isLinkLocalMulticast()`,
  `ip('169.254.169.254').isLinkLocalUnicast() && ip('8.8.8.8').isGlobalUnicast() && !ip('127.0.0.1').isGlobalUnicast()`,
  `cidr('192.168.0.0/24').containsIP('192.168.0.1') && cidr('192.168.0.0/24').containsIP(ip('192.168.0.1'))`,
  `cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24') && !cidr('192.168.1.0/24').containsCIDR('192.168.0.0/16')`,
  `cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && cidr('::1/128').prefixLength() == 128`,
  `string(cidr('192.168.1.5/24').ip()) == '192.168.1.5' && isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33')`,
  `isSemver('1.0.0') && !isSemver('hello') && isSemver('v1.0', true) && !isSemver('v1.0')`,
  `semver('1.2.3').major() == 1 && semver('1.0.0-beta').isLessThan(semver('1.0.0'))`,
  `semver('1.0.0-alpha.1').compareTo(semver('1.0.0-alpha.beta')) == -1 && semver('v01.01', true) == semver('1.1.0')`,
  `!format.dns1123Label().validate('my-label').hasValue() && format.dns1123Label().validate('-no').hasValue()`,
  `format.named('uuid').hasValue() && !format.named('nothing').hasValue() && !format.date().validate('2021-01-01').hasValue()`,
  `sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 1], [1]) && sets.intersects([1], [1, 2]) && !sets.intersects([1], [2])`,
  `{'a': 1}.transformMap(k, v, v + 1) == {'a': 2} && [1, 2].transformList(i, v, i * v) == [0, 2]`,
  `cel.bind(x, [1, 2], x + x).size() == 4 && optional.of(1).optMap(v, v + 1).value() == 2`,
  `jsonpatch.escapeKey('k8s.io/my~label') == 'k8s.io~1my~0label'`,
  `'%d of %.1f'.format([2, 3]) == '2 of 3.0'`,
  `'a,b,,c'.split(',') == ['a', 'b', '', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']`,
  `'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco' && 'hello'.charAt(4) == 'o'`,
  `'TacoCat'.lowerAscii() == 'tacocat' && 'TacoCÆt'.upperAscii() == 'TACOCÆT' && '  \\n trim '.trim() == 'trim'`,
  `'gums'.reverse() == 'smug' && ['hello', 'mellow'].join('-') == 'hello-mellow' && [].join() == ''`,
  `'hello hello'.replace('he', 'we') == 'wello wello' && 'hello hello'.replace('he', 'we', 1) == 'wello hello'`,
  `strings.quote('single-quote with "double quote"') == '"single-quote with \\\\"double quote\\\\""'`,
  `'cat'.startsWith('c') && 'cat'.endsWith('at') && 'cat'.contains('a') && 'cat'.matches('^c.t$') && matches('cat', 'a')`,
  `timestamp('2009-02-13T23:31:30.5Z').getFullYear() == 2009 && timestamp('2009-02-13T23:31:30Z').getMonth() == 1`,
  `timestamp('2009-02-13T23:31:30Z').getDate() == 13 && timestamp('2009-02-13T23:31:30Z').getDayOfMonth() == 12`,
  `timestamp('2009-02-13T23:31:30Z').getDayOfYear() == 43 && timestamp('2009-02-13T23:31:30Z').getDayOfWeek() == 5`,
  `timestamp('2009-02-13T23:31:30.5Z').getHours('America/New_York') == 18 && timestamp('2009-02-13T23:31:30.5Z').getMinutes() == 31`,
  `timestamp('2009-02-13T23:31:30.5Z').getSeconds() == 30 && timestamp('2009-02-13T23:31:30.5Z').getMilliseconds() == 500`,
  `duration('1h30m').getHours() == 1 && duration('90m').getMinutes() == 90 && duration('3730s').getSeconds() == 3730`,
  `url('https://example.com/').getScheme() == 'https' && url('/path').getScheme() == ''`,
  `semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3 && semver('2.0.0').isGreaterThan(semver('1.9.9'))`,
  `optional.none().orValue(3) == 3 && optional.ofNonZeroValue('').or(optional.of('x')).value() == 'x'`,
  `optional.unwrap([optional.of(1), optional.none()]) == [1] && [optional.of(2)].unwrapOpt() == [2]`,
  `{'a': 1}[?'b'].hasValue() == false && [1, 2][?1].value() == 2 && {?'a': optional.of(1), ?'b': optional.none()} == {'a': 1}`,
  `!format.dns1123Subdomain().validate('a.b').hasValue() && format.dns1035Label().validate('1a').hasValue() && !format.qualifiedName().validate('a.b/c').hasValue()`,
  `!format.dns1123LabelPrefix().validate('a-').hasValue() && !format.dns1123SubdomainPrefix().validate('a.b-').hasValue() && !format.dns1035LabelPrefix().validate('a-').hasValue()`,
  `!format.labelValue().validate('').hasValue() && format.uri().validate('not a uri').hasValue() && !format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()`,
  `!format.byte().validate('aGVsbG8=').hasValue() && format.datetime().validate('2021-13-01').hasValue()`,
  `{'a': 1, 'b': 2}.exists(k, v, v == 2) && {'a': 1}.all(k, v, k == 'a') && [1, 2].existsOne(i, v, v == 2) && {'a': 1}.transformMapEntry(k, v, {v: k}) == {1: 'a'}`,
  `bytes('abc') == b'abc' && string(b'abc') == 'abc' && double('1.5') == 1.5 && int(2.9) == 2 && uint(3) == 3u && bool('true') && type(1) == int && dyn(1) == 1`,
  `quantity('1').isLessThan(quantity('2'))`,
  `size('héllo') == 5 && [1, 2].size() == 2 && size(b'abc') == 3 && size({'a': 1}) == 1`,
]

/** Expressions about the authorizer, and what it is asked. */
const questions: readonly (readonly [string, AuthorizerQuestion])[] = [
  [`authorizer.path('/healthz').check('get').allowed()`, { path: '/healthz', verb: 'get' }],
  [
    `authorizer.group('apps').resource('deployments').subresource('scale').namespace('n').name('x').check('update').allowed()`,
    { group: 'apps', resource: 'deployments', subresource: 'scale', namespace: 'n', name: 'x', verb: 'update' },
  ],
  [
    `authorizer.serviceAccount('n', 's').group('').resource('pods').check('list').reason() == 'because'`,
    { serviceAccount: { namespace: 'n', name: 's' }, group: '', resource: 'pods', verb: 'list' },
  ],
  [
    `authorizer.group('').resource('pods').fieldSelector('a=b').labelSelector('c=d').check('list').error() == ''`,
    { group: '', resource: 'pods', fieldSelector: 'a=b', labelSelector: 'c=d', verb: 'list' },
  ],
  [
    `!authorizer.path('/x').check('get').errored() && !authorizer.path('/x').check('get').denied()`,
    { path: '/x', verb: 'get' },
  ],
]

describe('functions of Kubernetes', () => {
  for (const expression of truths) it(expression, () => assert.equal(evaluate(expression), true))

  const failures: Readonly<Record<string, RegExp>> = {
    "quantity('x')": /quantities must match the regular expression/,
    "ip('1.2.3')": /IP Address "1\.2\.3" parse error during conversion from string/,
    "url('not a url')": /URL parse error/,
    '[].sum() == 0 && [1, 2][5] == 0': /index out of bounds: 5/,
    "semver('x')": /^Invalid semver "x"$/,
    "cidr('10.0.0.0')": /^network address parse error during conversion from string: "10\.0\.0\.0"$/,
    "format.named('x').value()": /optional\.none\(\) dereference/,
    "'a'.substring(5)": /^index out of range: 5$/,
    "'a'.charAt(3)": /^index out of range: 3$/,
    "timestamp('x')": /^type conversion error from 'string' to 'google\.protobuf\.Timestamp'$/,
    "duration('x')": /^type conversion error from 'string' to 'google\.protobuf\.Duration'$/,
    '[].min()': /^min called on empty list$/,
    "'abc'.matches('(')": /^error parsing regexp: missing closing \): `\(`$/,
    "'abc'.find('[')": /^error parsing regexp: missing closing \]: `\[`$/,
    "quantity('1.5').asInteger()": /^cannot convert value to integer$/,
    "int('x')": /^type conversion error from 'string' to 'int'$/,
    '1 / 0': /^division by zero$/,
    '9223372036854775807 + 1': /^integer overflow$/,
    "{'a': 1}['b']": /^no such key: b$/,
    "dyn([1]).min() == 1 && dyn('a').size() > dyn(true)": /no such overload/,
  }
  for (const [expression, message] of Object.entries(failures)) {
    it(`${expression} fails`, () =>
      assert.throws(
        () => evaluate(expression),
        (error) => error instanceof CelError && message.test(error.message),
      ))
  }

  for (const [expression, asked] of questions) {
    it(`${expression} asks`, () => {
      const seen: AuthorizerQuestion[] = []
      const authorizer = new AuthorizerValue((question) => {
        seen.push(question)
        return { allowed: true, reason: 'because' }
      })
      const program = compile(expression, kubernetesEnvironment({ authorizer: opaqueOf(authorizerType) }))
      const { value, cost } = program.evaluate(() => authorizer)
      assert.equal(value, true)
      assert.deepEqual(seen[0], asked)
      assert.ok(cost > 350_000)
    })
  }

  it('have an example each', () => {
    const text = [...truths, ...questions.map(([expression]) => expression)].join('\n')
    // Operators and what macros become have no names that one could write.
    const named = [...environment.functions.keys()].filter((name) => /^[a-zA-Z][\w.]*$/.test(name))
    assert.deepEqual(
      named.filter((name) => !new RegExp(`\\b${name.replaceAll('.', '\\.')}\\(`).test(text)),
      [],
    )
  })

  it('cannot be stalled by a regular expression', () => {
    assert.equal(evaluate(`'${'a'.repeat(5000)}b'.matches('^(a+)+$')`), false)
  })

  it('cost what upstream counts, and stop at the limit', () => {
    const bomb = '[1,2,3,4,5,6,7,8,9,10]'
    const nested = `${bomb}.all(a, ${bomb}.all(b, ${bomb}.all(c, ${bomb}.all(d, ${bomb}.all(e, ${bomb}.all(f, ${bomb}.all(g, true)))))))`
    const program = compile(nested, environment)
    assert.throws(() => program.evaluate(() => undefined, 100_000), /actual cost limit exceeded/)
    const cheap = compile(`'abc'.startsWith('a') && 1 + 1 == 2`, environment).evaluate(() => undefined)
    assert.deepEqual([cheap.value, cheap.cost], [true, 3])
  })
})
