/** Volume plugins of upstream's own tree that CSI drivers have taken over. Upstream: k8s.io/csi-translation-lib. */
import type { PersistentVolume } from '../api/types.ts'

/** Field of the volume, the old plugin's name, the driver's. */
const migrated = [
  ['awsElasticBlockStore', 'kubernetes.io/aws-ebs', 'ebs.csi.aws.com'],
  ['azureDisk', 'kubernetes.io/azure-disk', 'disk.csi.azure.com'],
  ['azureFile', 'kubernetes.io/azure-file', 'file.csi.azure.com'],
  ['cinder', 'kubernetes.io/cinder', 'cinder.csi.openstack.org'],
  ['gcePersistentDisk', 'kubernetes.io/gce-pd', 'pd.csi.storage.gke.io'],
  ['portworxVolume', 'kubernetes.io/portworx-volume', 'pxd.portworx.com'],
  ['vsphereVolume', 'kubernetes.io/vsphere-volume', 'csi.vsphere.vmware.com'],
] as const

/** The plugin and the driver of a volume of such a kind. */
export const migratedPluginOf = ({ spec }: PersistentVolume): { plugin: string; driver: string } | undefined => {
  const found = migrated.find(([field]) => spec?.[field] !== undefined && spec[field] !== null)
  return found && { plugin: found[1], driver: found[2] }
}

/** The driver that provisions for a plugin of that name; undefined if none has taken it over. */
export const driverOfPlugin = (plugin: string): string | undefined => migrated.find(([, name]) => name === plugin)?.[2]
