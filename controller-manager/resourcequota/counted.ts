/** Resources that quotas count by old names: followed from the start. Others are followed when a quota names them. */
import {
  configMaps,
  persistentVolumeClaims,
  pods,
  type ResourceRef,
  replicationControllers,
  resourceQuotas,
  secrets,
  services,
} from '../../api/resources.ts'

export const countedBuiltIns: readonly ResourceRef[] = [
  pods,
  services,
  replicationControllers,
  persistentVolumeClaims,
  secrets,
  configMaps,
  resourceQuotas,
] as readonly ResourceRef[]
