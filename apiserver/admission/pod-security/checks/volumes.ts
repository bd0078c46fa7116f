/** Restricted: only volumes that are the cluster's. */
import type { Volume } from '../../../../api/types.ts'
import { type Check, distinct, plural, quoted } from './check.ts'

const allowed = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const

const restricted = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const

const isAllowed = (volume: Volume): boolean => allowed.some((type) => volume[type] !== undefined)
const typeOf = (volume: Volume): string => restricted.find((type) => volume[type] !== undefined) ?? 'unknown'

export const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  level: 'restricted',
  versions: [
    {
      since: 0,
      overrides: ['hostPathVolumes'],
      check: ({ spec }) => {
        const bad = (spec.volumes ?? []).filter((volume) => !isAllowed(volume))
        if (bad.length === 0) return undefined
        const types = distinct(bad.map(typeOf))
        const volumes = `${plural(bad.length, 'volume')} ${quoted(bad.map(({ name }) => name))}`
        const uses = plural(bad.length, 'uses', 'use')
        return {
          reason: 'restricted volume types',
          detail: `${volumes} ${uses} ${plural(types.length, 'restricted volume type')} ${quoted(types)}`,
        }
      },
    },
  ],
}
