import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../../api/types.ts'
import { bundleName, planBundles } from './plan.ts'

const signer = 'kubernetes.io/kube-apiserver-serving'
const bundle = (name: string, trustBundle: string): ClusterTrustBundle => ({
  metadata: { name },
  spec: { signerName: signer, trustBundle },
})

describe('the bundles of a signer', () => {
  it('are named by the signer and by what is in them', () => {
    // The digest is printf %s PEM | sha256sum | cut -c1-24
    assert.equal(bundleName(signer, 'PEM'), 'kubernetes.io:kube-apiserver-serving:384fb9a44fabe158be2757b9')
  })

  it('begin with one', () => {
    assert.deepEqual(planBundles(signer, 'PEM', []), {
      name: bundleName(signer, 'PEM'),
      write: { type: 'create' },
      remove: [],
    })
  })

  it('stay as they are', () => {
    const { write, remove } = planBundles(signer, 'PEM', [bundle(bundleName(signer, 'PEM'), 'PEM')])
    assert.deepEqual([write, remove], [{ type: 'none' }, []])
  })

  it('are put right', () => {
    const current = bundle(bundleName(signer, 'PEM'), 'another')
    assert.deepEqual(planBundles(signer, 'PEM', [current]).write, { type: 'update', current })
  })

  it('go when there is a new one', () => {
    const old = bundle(bundleName(signer, 'OLD'), 'OLD')
    const { write, remove } = planBundles(signer, 'NEW', [old])
    assert.deepEqual([write, remove], [{ type: 'create' }, [bundleName(signer, 'OLD')]])
  })
})
