/** Kubernetes' functions, by the examples of https://kubernetes.io/docs/reference/using-api/cel/ and of KEPs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compile } from '../program.ts'
import { CelError } from '../values.ts'
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
]

describe('functions of Kubernetes', () => {
  for (const expression of truths) it(expression, () => assert.equal(evaluate(expression), true))

  const failures: Readonly<Record<string, RegExp>> = {
    "quantity('x')": /quantities must match the regular expression/,
    "ip('1.2.3')": /IP Address "1\.2\.3" parse error during conversion from string/,
    "url('not a url')": /URL parse error/,
    '[].sum() == 0 && [1, 2][5] == 0': /index out of bounds: 5/,
    "dyn([1]).min() == 1 && dyn('a').size() > dyn(true)": /no such overload/,
  }
  for (const [expression, message] of Object.entries(failures)) {
    it(`${expression} fails`, () =>
      assert.throws(
        () => evaluate(expression),
        (error) => error instanceof CelError && message.test(error.message),
      ))
  }

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
