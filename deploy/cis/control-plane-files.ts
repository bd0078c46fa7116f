/** 1.1: files of the control plane. Its processes are no static Pods: what specifies them is the cluster file. */
import { join } from 'node:path'
import { type Check, failIfAny, type Section, notApplicable } from './check.ts'
import type { Evidence } from './evidence.ts'
import { filesUnder, isCertificate, isSecret, modeProblem, ownerProblem } from './files.ts'

type Paths = (evidence: Evidence) => readonly string[]

/** No more than this may be done with any of the files. */
export const modesOf = (id: string, title: string, most: number, paths: Paths): Check => ({
  id,
  title,
  run: (evidence) => failIfAny(paths(evidence).map((path) => modeProblem(path, most, evidence.layout))),
})

export const ownersOf = (id: string, title: string, paths: Paths): Check => ({
  id,
  title,
  run: (evidence) => failIfAny(paths(evidence).map((path) => ownerProblem(path, evidence.layout))),
})

/** Where the command line of a process comes from, and where the supervisor keeps it. */
const specificationOf =
  (process: string): Paths =>
  ({ layout }) => [layout.clusterFile, join(layout.run, `${process}.pid`)]

const cniFiles: Paths = ({ nodes }) =>
  nodes.flatMap(({ paths }) => [...filesUnder(paths.cniConf), ...filesUnder(join(paths.kubeletRoot, 'cni'))])

const pkiFiles: Paths = ({ layout, nodes }) => [
  ...filesUnder(layout.pki),
  ...nodes.flatMap(({ paths }) => [...filesUnder(paths.pki), ...filesUnder(join(paths.kubeletRoot, 'pki'))]),
]

const adminFiles: Paths = ({ layout }) => [layout.adminConf, layout.superAdminConf]
const schedulerFiles: Paths = ({ layout }) => [layout.schedulerConf]
const controllerManagerFiles: Paths = ({ layout }) => [layout.controllerManagerConf]

const external = notApplicable('etcd is run by somebody else')

const etcdSpecification: readonly Check[] = [
  modesOf('1.1.7', 'etcd specification: mode 600 or less', 0o600, specificationOf('etcd')),
  ownersOf('1.1.8', 'etcd specification: owned by root', specificationOf('etcd')),
].map((check) => ({ ...check, run: (evidence) => (evidence.etcd === undefined ? external : check.run(evidence)) }))

const dataDirectory: Check = {
  id: '1.1.11',
  title: 'etcd data directory: mode 700 or less',
  run: ({ etcd, layout }) =>
    etcd === undefined ? external : failIfAny([modeProblem(etcd.flags.get('data-dir') ?? '', 0o700, layout)]),
}

const dataDirectoryOwner: Check = {
  id: '1.1.12',
  title: 'etcd data directory: owned by the user that etcd runs as',
  run: ({ etcd, layout }) =>
    etcd === undefined
      ? external
      : failIfAny([ownerProblem(etcd.flags.get('data-dir') ?? '', layout, etcd.uid)], `uid ${etcd.uid}`),
}

export const controlPlaneFiles: Section = {
  id: '1.1',
  title: 'Control plane: files',
  checks: [
    modesOf('1.1.1', 'API server specification: mode 600 or less', 0o600, specificationOf('kube-apiserver')),
    ownersOf('1.1.2', 'API server specification: owned by root', specificationOf('kube-apiserver')),
    modesOf(
      '1.1.3',
      'controller manager specification: mode 600 or less',
      0o600,
      specificationOf('kube-controller-manager'),
    ),
    ownersOf('1.1.4', 'controller manager specification: owned by root', specificationOf('kube-controller-manager')),
    modesOf('1.1.5', 'scheduler specification: mode 600 or less', 0o600, specificationOf('kube-scheduler')),
    ownersOf('1.1.6', 'scheduler specification: owned by root', specificationOf('kube-scheduler')),
    ...etcdSpecification,
    modesOf('1.1.9', 'CNI files: mode 600 or less', 0o600, cniFiles),
    ownersOf('1.1.10', 'CNI files: owned by root', cniFiles),
    dataDirectory,
    dataDirectoryOwner,
    modesOf('1.1.13', "administrators' kubeconfigs: mode 600", 0o600, adminFiles),
    ownersOf('1.1.14', "administrators' kubeconfigs: owned by root", adminFiles),
    modesOf('1.1.15', 'scheduler.conf: mode 600 or less', 0o600, schedulerFiles),
    ownersOf('1.1.16', 'scheduler.conf: owned by root', schedulerFiles),
    modesOf('1.1.17', 'controller-manager.conf: mode 600 or less', 0o600, controllerManagerFiles),
    ownersOf('1.1.18', 'controller-manager.conf: owned by root', controllerManagerFiles),
    ownersOf('1.1.19', 'PKI: owned by root', (evidence) => [evidence.layout.pki, ...pkiFiles(evidence)]),
    modesOf('1.1.20', 'PKI certificates: mode 644 or less', 0o644, (evidence) =>
      pkiFiles(evidence).filter(isCertificate),
    ),
    modesOf('1.1.21', 'PKI keys: mode 600', 0o600, (evidence) => pkiFiles(evidence).filter(isSecret)),
  ],
}
