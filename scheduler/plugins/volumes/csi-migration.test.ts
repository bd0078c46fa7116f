import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aCsiNode, aVolume, whereLabel } from '../../testing/storage-fixtures.ts'
import { csiVolumeOf, nodeAffinityOf, provisioningDriver } from './csi-migration.ts'

const zone = 'topology.kubernetes.io/zone'
const disk = { awsElasticBlockStore: { volumeID: 'aws://us-east-1a/vol-1' } }
const migrated = aCsiNode('n', {}, 'kubernetes.io/aws-ebs,kubernetes.io/gce-pd')
const plain = aCsiNode('n', {})

describe('migration of in-tree volumes', () => {
  it('names the CSI volume where the node has handed its plugin over', () => {
    assert.deepEqual(csiVolumeOf(aVolume('v', disk), migrated), { driver: 'ebs.csi.aws.com', handle: 'vol-1' })
    assert.equal(csiVolumeOf(aVolume('v', disk), plain), undefined)
    assert.equal(csiVolumeOf(aVolume('v', { hostPath: { path: '/x' } }), migrated), undefined)
    const gce = aVolume('v', { gcePersistentDisk: { pdName: 'd' } }, { [zone]: 'z1' })
    assert.equal(csiVolumeOf(gce, migrated)?.handle, 'projects/UNSPECIFIED/zones/z1/disks/d')
  })

  it('has the labels of the driver in node affinity', () => {
    const key = 'topology.ebs.csi.aws.com/zone'
    const expected = { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: ['a'] }] }] }
    assert.deepEqual(nodeAffinityOf(aVolume('v', { ...disk, ...whereLabel(zone, 'a') }), migrated), expected)
    assert.deepEqual(nodeAffinityOf(aVolume('v', disk, { [zone]: 'a' }), migrated), expected, 'from its own label')
    const inTree = aVolume('v', { ...disk, ...whereLabel(zone, 'a') })
    assert.deepEqual(nodeAffinityOf(inTree, plain), inTree.spec?.nodeAffinity?.required)
    assert.equal(nodeAffinityOf(aVolume('v'), migrated), undefined)
  })

  it('finds the driver behind a provisioner', () => {
    assert.equal(provisioningDriver('kubernetes.io/aws-ebs', migrated), 'ebs.csi.aws.com')
    assert.equal(provisioningDriver('kubernetes.io/aws-ebs', plain), undefined)
    assert.equal(provisioningDriver('disk.example.com', undefined), 'disk.example.com')
  })
})
