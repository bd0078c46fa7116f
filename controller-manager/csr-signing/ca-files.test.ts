import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { caFilesBySigner, type SigningFlags } from './ca-files.ts'

const none: SigningFlags = {
  'cluster-signing-cert-file': '',
  'cluster-signing-key-file': '',
  'cluster-signing-kube-apiserver-client-cert-file': '',
  'cluster-signing-kube-apiserver-client-key-file': '',
  'cluster-signing-kubelet-client-cert-file': '',
  'cluster-signing-kubelet-client-key-file': '',
  'cluster-signing-kubelet-serving-cert-file': '',
  'cluster-signing-kubelet-serving-key-file': '',
  'cluster-signing-legacy-unknown-cert-file': '',
  'cluster-signing-legacy-unknown-key-file': '',
}

describe('caFilesBySigner', () => {
  it('gives every signer the common CA', () => {
    const files = caFilesBySigner({ ...none, 'cluster-signing-cert-file': 'c', 'cluster-signing-key-file': 'k' })
    assert.equal(files.size, 4)
    assert.deepEqual(files.get('kubernetes.io/kubelet-serving'), { certFile: 'c', keyFile: 'k' })
  })

  it('gives a signer its own, and leaves others without', () => {
    const files = caFilesBySigner({
      ...none,
      'cluster-signing-kubelet-serving-cert-file': 'c',
      'cluster-signing-kubelet-serving-key-file': 'k',
      'cluster-signing-kubelet-client-cert-file': 'without key',
    })
    assert.deepEqual([...files.keys()], ['kubernetes.io/kubelet-serving'])
  })

  it('takes one for all or one for each, and not both', () => {
    const both = { ...none, 'cluster-signing-cert-file': 'c', 'cluster-signing-legacy-unknown-key-file': 'k' }
    assert.throws(() => caFilesBySigner(both), /at the same time/)
    assert.equal(caFilesBySigner(none).size, 0)
  })
})
