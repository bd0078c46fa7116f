/** AlwaysAdmit and AlwaysDeny: deprecated upstream, kept for whoever has them on a command line. */
import type { AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit', operations: [] }

export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  admit: (attributes) => {
    throw admissionForbidden(attributes, 'admission control is denying all modifications')
  },
}
