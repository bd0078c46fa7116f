/** The CIS Kubernetes Benchmark 1.12, section by section. Ids are the benchmark's; titles are our own words. */
import { apiServerSection } from './api-server.ts'
import type { Section } from './check.ts'
import { controlPlaneConfiguration } from './control-plane-configuration.ts'
import { controlPlaneFiles } from './control-plane-files.ts'
import { controllerManagerSection, schedulerSection } from './controllers.ts'
import { etcdSection } from './etcd.ts'
import { kubeletSection, nodeFiles, proxySection } from './nodes.ts'
import { generalSections } from './policies/general.ts'
import { podSecuritySection } from './policies/pod-security.ts'
import { rbacSection } from './policies/rbac.ts'

export const sections: readonly Section[] = [
  controlPlaneFiles,
  apiServerSection,
  controllerManagerSection,
  schedulerSection,
  etcdSection,
  controlPlaneConfiguration,
  nodeFiles,
  kubeletSection,
  proxySection,
  rbacSection,
  podSecuritySection,
  ...generalSections,
]
