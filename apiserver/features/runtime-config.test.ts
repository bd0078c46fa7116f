import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ApiResource, parseRuntimeConfig } from './runtime-config.ts'

const builtIn: readonly ApiResource[] = [
  { group: '', version: 'v1', plural: 'pods' },
  { group: 'apps', version: 'v1', plural: 'deployments' },
  { group: 'batch', version: 'v1', plural: 'jobs' },
  { group: 'batch', version: 'v1', plural: 'cronjobs' },
]

const optional: readonly ApiResource[] = [
  { group: 'certificates.k8s.io', version: 'v1beta1', plural: 'clustertrustbundles' },
  { group: 'certificates.k8s.io', version: 'v1alpha1', plural: 'clustertrustbundles' },
]

const parse = (texts: readonly string[]) => parseRuntimeConfig(texts, { byDefault: builtIn, optional })

/** The plurals that are left. */
const served = (...texts: string[]): string[] => builtIn.filter(parse(texts).serves).map(({ plural }) => plural)

/** The versions of what is served only when it is asked for. */
const asked = (...texts: string[]): string[] => optional.filter(parse(texts).serves).map(({ version }) => version)

describe('--runtime-config', () => {
  const cases: [string[], string[]][] = [
    [[], ['pods', 'deployments', 'jobs', 'cronjobs']],
    [
      ['api/beta=false', 'api/alpha=false', 'api/ga=true'],
      ['pods', 'deployments', 'jobs', 'cronjobs'],
    ],
    [['apps/v1=false'], ['pods', 'jobs', 'cronjobs']],
    [['batch/v1/jobs=false'], ['pods', 'deployments', 'cronjobs']],
    [['/v1=false'], ['deployments', 'jobs', 'cronjobs']],
    [['api/all=false', 'apps/v1'], ['deployments']],
    [['api/ga=false', 'batch/v1/jobs=true'], ['jobs']],
    [
      ['batch/v1=false', 'batch/v1/cronjobs=1'],
      ['pods', 'deployments', 'cronjobs'],
    ],
    [['storage.k8s.io/v1beta1=false'], ['pods', 'deployments', 'jobs', 'cronjobs']],
  ]
  for (const [texts, expected] of cases) {
    it(`serves ${expected.join(', ')} with ${texts.join(' ') || 'nothing said'}`, () => {
      assert.deepEqual(served(...texts), expected)
    })
  }

  const optionalCases: [string[], string[]][] = [
    [[], []],
    [['api/ga=true'], []],
    [['api/beta=true'], ['v1beta1']],
    [['api/all=true'], ['v1beta1', 'v1alpha1']],
    [['certificates.k8s.io/v1beta1=true'], ['v1beta1']],
    [['certificates.k8s.io/v1alpha1/clustertrustbundles=true'], ['v1alpha1']],
    [['api/beta=true', 'certificates.k8s.io/v1beta1/clustertrustbundles=false'], []],
    [['certificates.k8s.io/v1beta1/podcertificaterequests=true'], []],
  ]
  for (const [texts, expected] of optionalCases) {
    it(`serves ${expected.join(', ') || 'nothing'} of what is off by default with ${texts.join(' ') || 'nothing said'}`, () => {
      assert.deepEqual(asked(...texts), expected)
    })
  }

  it('tells what is asked for by its class and not built', () => {
    assert.ok(parse(['api/beta=true']).missing.includes('storage.k8s.io/v1beta1'))
    assert.ok(!parse(['api/beta=true']).missing.includes('certificates.k8s.io/v1beta1'))
    assert.deepEqual(parse(['certificates.k8s.io/v1beta1=true']).missing, [])
  })

  const refusals: [string[], string][] = [
    [['api/all=false'], 'invalid runtime-config with only api/all=false'],
    [['v1=true'], 'runtime-config invalid key v1'],
    [['nobody.io/v1=true', 'apps/v1=true', 'anybody.io/v2=true'], 'unknown api groups anybody.io/v2,nobody.io/v1'],
    [['apps/v7=true'], 'group version apps/v7 that has not been registered'],
    [['api/ga=maybe'], 'invalid value api/ga=maybe'],
    [['apps/v1=maybe'], 'invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax'],
    [
      ['apps/v1/Deployments=false'],
      'invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "Deployments"',
    ],
    [['resource.k8s.io/v1beta1'], '--runtime-config resource.k8s.io/v1beta1 is not implemented by kubets'],
  ]
  for (const [texts, message] of refusals) {
    it(`refuses ${texts.join(' ')}`, () => assert.throws(() => served(...texts), { message }))
  }
})
