/** DenyServiceExternalIPs: no Service takes traffic of addresses that it did not have before (CVE-2020-8554). */
import type { Service } from '../../../api/types.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  operations: ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    if (!isResource(attributes, 'services')) return
    const before = (attributes.oldObject as Service | undefined)?.spec?.externalIPs ?? []
    const now = (attributes.object as Service).spec?.externalIPs ?? []
    if (now.every((ip) => before.includes(ip))) return
    throw admissionForbidden(attributes, 'Use of external IPs is denied by admission control')
  },
}
