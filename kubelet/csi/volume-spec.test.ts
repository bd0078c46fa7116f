import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CSIDriver, PersistentVolume } from '../../api/types.ts'
import { aPod } from '../testing.ts'
import type { CsiDriver } from './drivers.ts'
import { accessMode, type nodeCapability } from './messages.ts'
import {
  appliesFsGroup,
  attachmentName,
  capabilityOf,
  checkLifecycle,
  type CsiVolumeSpec,
  inlineSpec,
  persistentSpec,
} from './volume-spec.ts'

const aVolume = (spec: object): PersistentVolume => ({
  metadata: { name: 'pv' },
  spec: { csi: { driver: 'd', volumeHandle: 'h', fsType: 'ext4' }, accessModes: ['ReadWriteOnce'], ...spec },
})
const aSpec = (spec: object = {}): CsiVolumeSpec => {
  const found = persistentSpec(aVolume(spec), false)
  assert.ok(found)
  return found
}
const aDriver = (...capabilities: (keyof typeof nodeCapability)[]): CsiDriver =>
  ({
    name: 'd',
    channel: undefined,
    has: (capability: never) => capabilities.includes(capability),
  }) as unknown as CsiDriver
const anObject = (spec: object): CSIDriver => ({ metadata: { name: 'd' }, spec }) as CSIDriver

describe('the spec of a CSI volume', () => {
  it('is read-only if the claim or the volume says so', () => {
    assert.equal(persistentSpec(aVolume({}), true)?.readOnly, true)
    assert.equal(aSpec({ csi: { driver: 'd', volumeHandle: 'h', readOnly: true } }).readOnly, true)
    assert.equal(aSpec().readOnly, false)
  })

  it('is none for other volumes', () => {
    assert.equal(persistentSpec(aVolume({ csi: undefined, hostPath: { path: '/x' } }), false), undefined)
  })

  it('of a block device has nothing of a file system', () => {
    const spec = aSpec({ volumeMode: 'Block' })
    assert.deepEqual(capabilityOf(spec, aDriver(), 42), { block: {}, accessMode: { mode: 1 } })
    assert.equal(appliesFsGroup(spec, aDriver(), anObject({ fsGroupPolicy: 'File' })), false)
  })

  it('of a Pod alone has a handle that is the Pod’s and the volume’s own', () => {
    const handle = (uid: string, name: string) => inlineSpec(aPod({}, { uid }), { name, csi: { driver: 'd' } })?.handle
    assert.match(handle('u1', 'a') ?? '', /^csi-[0-9a-f]{64}$/)
    assert.equal(new Set([handle('u1', 'a'), handle('u1', 'b'), handle('u2', 'a'), handle('u1', 'a')]).size, 3)
  })

  it('is attached under a name of volume, driver and node', () => {
    assert.match(attachmentName(aSpec(), 'n1'), /^csi-[0-9a-f]{64}$/)
    assert.notEqual(attachmentName(aSpec(), 'n1'), attachmentName(aSpec(), 'n2'))
  })
})

describe('access modes', () => {
  const modeOf = (accessModes: string[], ...capabilities: (keyof typeof nodeCapability)[]) =>
    (capabilityOf(aSpec({ accessModes }), aDriver(...capabilities), undefined).accessMode as { mode: number }).mode
  it('are those of CSI', () => {
    assert.equal(modeOf(['ReadWriteOnce']), accessMode.singleNodeWriter)
    assert.equal(modeOf(['ReadWriteOnce'], 'singleNodeMultiWriter'), accessMode.singleNodeMultiWriter)
    assert.equal(modeOf(['ReadWriteOncePod'], 'singleNodeMultiWriter'), accessMode.singleNodeSingleWriter)
    assert.equal(modeOf(['ReadOnlyMany']), accessMode.multiNodeReaderOnly)
    assert.equal(modeOf(['ReadWriteOnce', 'ReadWriteMany']), accessMode.multiNodeMultiWriter)
  })
})

describe('fsGroup', () => {
  it('is the kubelet’s by the driver’s policy', () => {
    const once = aSpec()
    assert.equal(appliesFsGroup(once, aDriver(), undefined), true)
    assert.equal(appliesFsGroup(once, aDriver(), anObject({ fsGroupPolicy: 'None' })), false)
    assert.equal(appliesFsGroup(aSpec({ accessModes: ['ReadWriteMany'] }), aDriver(), undefined), false)
    const many = aSpec({ accessModes: ['ReadWriteMany'] })
    assert.equal(appliesFsGroup(many, aDriver(), anObject({ fsGroupPolicy: 'File' })), true)
  })

  it('is the driver’s where it can', () => {
    const able = aDriver('volumeMountGroup')
    assert.equal(appliesFsGroup(aSpec(), able, undefined), false)
    assert.deepEqual(capabilityOf(aSpec(), able, 42).mount, { fsType: 'ext4', mountFlags: [], volumeMountGroup: '42' })
  })
})

describe('the life of a volume', () => {
  const ephemeral = { ...aSpec(), lifecycle: 'Ephemeral' } as const
  it('must be one that the driver serves', () => {
    assert.throws(
      () => checkLifecycle(ephemeral, undefined),
      /"Ephemeral" not supported by driver d \(no CSIDriver object\)/,
    )
    assert.throws(() => checkLifecycle(ephemeral, anObject({})), /only supports \["Persistent"\]/)
    assert.doesNotThrow(() => checkLifecycle(ephemeral, anObject({ volumeLifecycleModes: ['Ephemeral'] })))
    assert.doesNotThrow(() => checkLifecycle(aSpec(), undefined))
  })
})
