import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultGates, parseFeatureGates } from './feature-gates.ts'
import { lockedOff, lockedOn, offByDefault, onByDefault } from '../../component-base/features/known-gates.ts'

describe('--feature-gates', () => {
  it('knows each gate once', () => {
    const all = [...onByDefault, ...offByDefault, ...lockedOn, ...lockedOff]
    assert.equal(new Set(all).size, all.length)
  })

  it('takes what is so anyway', () => {
    assert.deepEqual(
      parseFeatureGates({
        WatchList: 'true',
        SidecarContainers: 'True',
        CBORServingAndStorage: '0',
        AllAlpha: 'false',
      }),
      defaultGates,
    )
  })

  it('honours what is built', () => {
    assert.deepEqual(parseFeatureGates({ ComponentStatusz: 'false' }), { ...defaultGates, ComponentStatusz: false })
  })

  it('refuses a gate without the one that it needs', () => {
    assert.throws(() => parseFeatureGates({ ClusterTrustBundleProjection: 'true' }), {
      message:
        'invalid argument "ClusterTrustBundleProjection=true" for "--feature-gates" flag: ClusterTrustBundleProjection is enabled, but depends on features that are disabled: [ClusterTrustBundle]',
    })
    const both = { ClusterTrustBundle: 'true', ClusterTrustBundleProjection: 'true' }
    assert.equal(parseFeatureGates(both).ClusterTrustBundleProjection, true)
  })

  const refusals: [Record<string, string>, string][] = [
    [{ Nonsense: 'true' }, 'unrecognized feature gate: Nonsense'],
    [{ SidecarContainers: 'false' }, 'cannot set feature gate SidecarContainers to false, feature is locked to true'],
    [{ WatchList: 'on' }, 'invalid value of WatchList=on, err: strconv.ParseBool: parsing "on": invalid syntax'],
    [{ CBORServingAndStorage: 'true' }, 'feature gate CBORServingAndStorage=true is not implemented by kubets'],
    [{ WatchList: 'false' }, 'feature gate WatchList=false is not implemented by kubets'],
    [{ AllBeta: 'false' }, 'feature gate AllBeta=false is not implemented by kubets'],
  ]
  for (const [settings, why] of refusals) {
    const [text = ''] = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    it(`refuses ${text}`, () => {
      const message = `invalid argument ${JSON.stringify(text)} for "--feature-gates" flag: ${why}`
      assert.throws(() => parseFeatureGates(settings), { message })
    })
  }
})
