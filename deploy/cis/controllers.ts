/** 1.3 and 1.4: the controller manager and the scheduler. */
import type { Evidence } from './evidence.ts'
import type { Problem, Section } from './check.ts'
import { createProcessCheck, is, isSet, namesFile, type Probe } from './flags.ts'
import { ask } from './probe.ts'
import { isOpen, type ProcessEvidence } from './process-evidence.ts'

const controllerManager = createProcessCheck((evidence) => evidence.controllerManager)
const scheduler = createProcessCheck((evidence) => evidence.scheduler)

const noProfiles =
  (portOf: (evidence: Evidence) => number): Probe =>
  async (evidence) => {
    const { code } = await ask(
      `https://127.0.0.1:${portOf(evidence)}/debug/pprof/`,
      evidence.credentials('super-admin'),
    )
    return code === 404 ? undefined : `/debug/pprof/ answers ${code}`
  }

const openListeners = ({ listeners }: ProcessEvidence): Problem => {
  const open = listeners().find(isOpen)
  return open === undefined ? undefined : `it listens on ${open.address}:${open.port}`
}

/** The feature is on where nobody switches it off. */
const rotationIsOn = ({ flags }: ProcessEvidence): Problem =>
  (flags.get('feature-gates') ?? '').includes('RotateKubeletServerCertificate=false')
    ? '--feature-gates has RotateKubeletServerCertificate=false'
    : undefined

export const controllerManagerSection: Section = {
  id: '1.3',
  title: 'Control plane: controller manager',
  checks: [
    controllerManager('1.3.1', 'Ended Pods are collected', [isSet('terminated-pod-gc-threshold')]),
    controllerManager(
      '1.3.2',
      'No profiling',
      [is('profiling', 'false', 'true')],
      noProfiles(({ config }) => config.controlPlane.controllerManagerPort),
    ),
    controllerManager('1.3.3', 'Every controller has a service account of its own', [
      is('use-service-account-credentials', 'true', 'false'),
    ]),
    controllerManager('1.3.4', 'Tokens are signed with a key of their own', [
      namesFile('service-account-private-key-file'),
    ]),
    controllerManager('1.3.5', 'Pods learn the CA of the API server', [namesFile('root-ca-file')]),
    controllerManager('1.3.6', "Kubelets' serving certificates may be rotated", [rotationIsOn]),
    controllerManager('1.3.7', 'It listens on the loopback address alone', [openListeners]),
  ],
}

export const schedulerSection: Section = {
  id: '1.4',
  title: 'Control plane: scheduler',
  checks: [
    scheduler(
      '1.4.1',
      'No profiling',
      [is('profiling', 'false', 'true')],
      noProfiles(({ config }) => config.controlPlane.schedulerPort),
    ),
    scheduler('1.4.2', 'It listens on the loopback address alone', [openListeners]),
  ],
}
