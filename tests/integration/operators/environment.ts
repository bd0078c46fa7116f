/** The control plane that the tests of this folder share: `kubets/testing`, as an operator's author has it. */
import { CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import type { ControlPlane } from '../../../testing/control-plane.ts'
import { createKubectl, type Kubectl } from '../../harness/kubectl.ts'

export interface Running {
  readonly environment: ControlPlane
  readonly config: KubeConfig
  readonly kubectl: Kubectl
  readonly core: CoreV1Api
  readonly custom: CustomObjectsApi
}

export const configOf = (file: string): KubeConfig => {
  const config = new KubeConfig()
  config.loadFromFile(file)
  return config
}

export const clientsOf = (environment: ControlPlane): Running => {
  const config = configOf(environment.kubeconfig)
  return {
    environment,
    config,
    kubectl: createKubectl(environment.kubeconfig),
    core: config.makeApiClient(CoreV1Api),
    custom: config.makeApiClient(CustomObjectsApi),
  }
}
