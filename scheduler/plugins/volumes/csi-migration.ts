/** In-tree volumes as the CSI drivers see them that took over. Upstream: csi-translation-lib. */
import type { CSINode, PersistentVolume, Volume } from '../../../api/types.ts'

type Sources = Pick<
  Volume & NonNullable<PersistentVolume['spec']>,
  'awsElasticBlockStore' | 'gcePersistentDisk' | 'azureDisk' | 'cinder' | 'portworxVolume'
>

interface InTreePlugin {
  readonly csiDriver: string
  readonly topologyKey?: string
  /** The volume's handle, if the volume is of this plugin. */
  readonly handleOf: (sources: Sources, zone: string) => string | undefined
}

const lastPart = (path: string | undefined): string | undefined => path?.slice(path.lastIndexOf('/') + 1)

/** By the name of the in-tree plugin. */
const plugins: Readonly<Record<string, InTreePlugin>> = {
  'kubernetes.io/aws-ebs': {
    csiDriver: 'ebs.csi.aws.com',
    topologyKey: 'topology.ebs.csi.aws.com/zone',
    handleOf: ({ awsElasticBlockStore }) => lastPart(awsElasticBlockStore?.volumeID),
  },
  'kubernetes.io/gce-pd': {
    csiDriver: 'pd.csi.storage.gke.io',
    topologyKey: 'topology.gke.io/zone',
    handleOf: ({ gcePersistentDisk: disk }, zone) =>
      disk && `projects/UNSPECIFIED/zones/${zone || 'UNSPECIFIED'}/disks/${disk.pdName}`,
  },
  'kubernetes.io/azure-disk': {
    csiDriver: 'disk.csi.azure.com',
    topologyKey: 'topology.disk.csi.azure.com/zone',
    handleOf: ({ azureDisk }) => azureDisk?.diskURI,
  },
  'kubernetes.io/cinder': {
    csiDriver: 'cinder.csi.openstack.org',
    topologyKey: 'topology.cinder.csi.openstack.org/zone',
    handleOf: ({ cinder }) => cinder?.volumeID,
  },
  'kubernetes.io/portworx-volume': {
    csiDriver: 'pxd.portworx.com',
    handleOf: ({ portworxVolume }) => portworxVolume?.volumeID,
  },
}

const migratedAnnotation = 'storage.alpha.kubernetes.io/migrated-plugins'

/** The in-tree plugins that the node has handed over to CSI drivers, as one text. */
export const migratedPlugins = (csiNode: CSINode | undefined): string =>
  csiNode?.metadata?.annotations?.[migratedAnnotation] ?? ''

const isMigrated = (plugin: string, csiNode: CSINode | undefined): boolean =>
  migratedPlugins(csiNode).split(',').includes(plugin)

export interface CsiVolume {
  readonly driver: string
  readonly handle: string
}

const find = (sources: Sources, zone: string): { name: string; plugin: InTreePlugin; handle: string } | undefined => {
  for (const [name, plugin] of Object.entries(plugins)) {
    const handle = plugin.handleOf(sources, zone)
    if (handle !== undefined) return { name, plugin, handle }
  }
  return undefined
}

/** Whether a volume in a Pod's spec is of a plugin that may have been migrated. */
export const isMigratable = (volume: Volume): boolean => find(volume, '') !== undefined

const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone']
const zoneOf = ({ metadata }: PersistentVolume): string =>
  zoneLabels.map((label) => metadata?.labels?.[label]).find((zone) => zone !== undefined) ?? ''

/** A volume in a Pod's spec as its CSI driver has it; undefined: not migrated on this node. */
export const inlineCsiVolume = (volume: Volume, csiNode: CSINode | undefined): CsiVolume | undefined => {
  const found = find(volume, '')
  if (found === undefined || !isMigrated(found.name, csiNode)) return undefined
  return { driver: found.plugin.csiDriver, handle: found.handle }
}

/** The CSI volume behind a PersistentVolume; undefined: there is none, or none on this node. */
export const csiVolumeOf = (volume: PersistentVolume, csiNode: CSINode | undefined): CsiVolume | undefined => {
  const csi = volume.spec?.csi
  if (csi !== undefined) return { driver: csi.driver, handle: csi.volumeHandle }
  const found = find(volume.spec ?? {}, zoneOf(volume))
  if (found === undefined || !isMigrated(found.name, csiNode)) return undefined
  return { driver: found.plugin.csiDriver, handle: found.handle }
}

/** The driver that provisions for an in-tree provisioner's name; others name their driver; undefined: not migrated here. */
export const provisioningDriver = (provisioner: string, csiNode: CSINode | undefined): string | undefined => {
  const plugin = plugins[provisioner]
  if (plugin === undefined) return provisioner
  return isMigrated(provisioner, csiNode) ? plugin.csiDriver : undefined
}

/** The volume's node affinity, in the labels that its CSI driver puts on nodes where the node uses that. */
export const nodeAffinityOf = (volume: PersistentVolume, csiNode: CSINode | undefined) => {
  const required = volume.spec?.nodeAffinity?.required
  const found = find(volume.spec ?? {}, zoneOf(volume))
  const topologyKey = found?.plugin.topologyKey
  if (found === undefined || topologyKey === undefined || !isMigrated(found.name, csiNode)) return required
  const zones = zoneOf(volume)
  if (required === undefined) {
    if (zones === '') return undefined
    const requirement = { key: topologyKey, operator: 'In', values: zones.split('__') }
    return { nodeSelectorTerms: [{ matchExpressions: [requirement] }] }
  }
  const nodeSelectorTerms = required.nodeSelectorTerms.map((term) => ({
    ...term,
    matchExpressions: (term.matchExpressions ?? []).map((requirement) =>
      zoneLabels.includes(requirement.key) ? { ...requirement, key: topologyKey } : requirement,
    ),
  }))
  return { nodeSelectorTerms }
}
