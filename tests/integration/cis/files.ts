import assert from 'node:assert/strict'
import { chmodSync, chownSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { type Evidence, gatherEvidence } from '../../../deploy/cis/evidence.ts'
import type { Layout } from '../../../deploy/layout.ts'
import type { Running } from '../../harness/use-cluster.ts'
import { verdictOf } from './run-check.ts'

interface Spoiled {
  /** Of the modes, and of the owners. */
  readonly ids: readonly [string | undefined, string | undefined]
  readonly file: (layout: Layout, node: string) => string
  /** One bit more than there may be. */
  readonly mode: number
}

const openToOthers = 0o644

const spoiled: readonly Spoiled[] = [
  { ids: ['1.1.1', '1.1.2'], file: ({ run }) => join(run, 'kube-apiserver.pid'), mode: openToOthers },
  { ids: ['1.1.1', '1.1.2'], file: ({ clusterFile }) => clusterFile, mode: openToOthers },
  { ids: ['1.1.3', '1.1.4'], file: ({ run }) => join(run, 'kube-controller-manager.pid'), mode: openToOthers },
  { ids: ['1.1.5', '1.1.6'], file: ({ run }) => join(run, 'kube-scheduler.pid'), mode: openToOthers },
  { ids: ['1.1.7', '1.1.8'], file: ({ run }) => join(run, 'etcd.pid'), mode: openToOthers },
  { ids: ['1.1.9', '1.1.10'], file: ({ node }, name) => globSync(`${node(name).cniConf}/*`)[0] ?? '', mode: 0o640 },
  { ids: ['1.1.11', '1.1.12'], file: ({ etcd }) => etcd, mode: 0o750 },
  { ids: ['1.1.13', '1.1.14'], file: ({ superAdminConf }) => superAdminConf, mode: openToOthers },
  { ids: ['1.1.15', '1.1.16'], file: ({ schedulerConf }) => schedulerConf, mode: openToOthers },
  { ids: ['1.1.17', '1.1.18'], file: ({ controllerManagerConf }) => controllerManagerConf, mode: openToOthers },
  { ids: ['1.1.20', '1.1.19'], file: ({ pki }) => join(pki, 'etcd/ca.crt'), mode: 0o646 },
  { ids: ['1.1.21', undefined], file: ({ pki }) => join(pki, 'sa.key'), mode: openToOthers },
  { ids: ['1.1.21', undefined], file: ({ pki }) => join(pki, 'encryption-config.yaml'), mode: 0o640 },
  { ids: ['4.1.1', '4.1.2'], file: ({ run }, node) => join(run, `${node}-kubelet.pid`), mode: openToOthers },
  { ids: ['4.1.3', '4.1.4'], file: ({ node }, name) => node(name).proxyConf, mode: openToOthers },
  { ids: ['4.1.5', '4.1.6'], file: ({ node }, name) => node(name).kubeletConf, mode: openToOthers },
  { ids: ['4.1.7', '4.1.8'], file: ({ pki }) => join(pki, 'ca.crt'), mode: 0o664 },
  { ids: ['4.1.9', '4.1.10'], file: ({ node }, name) => node(name).kubeletConfig, mode: openToOthers },
]

export const describeFiles = (running: Running): void => {
  describe('the CIS benchmark of files', () => {
    let evidence: Evidence
    before(() => {
      const { layout } = running()
      evidence = gatherEvidence(layout)
      // A directory of a test is its own; that of a checkout is open.
      chmodSync(layout.root, 0o755)
    })

    for (const { ids, file, mode } of spoiled) {
      const [ofMode, ofOwner] = ids
      it(`notices a file of ${ids.filter((id) => id !== undefined).join(' and ')}`, async () => {
        const path = file(evidence.layout, evidence.nodes[0]?.name ?? '')
        const { mode: rightMode, uid, gid } = statSync(path)
        try {
          if (ofMode !== undefined) {
            chmodSync(path, mode)
            assert.equal((await verdictOf(ofMode, evidence)).type, 'fail', `${path} ${mode.toString(8)}`)
            chmodSync(path, rightMode)
            assert.equal((await verdictOf(ofMode, evidence)).type, 'pass', path)
          }
          if (ofOwner !== undefined) {
            chownSync(path, 65534, 65534)
            assert.equal((await verdictOf(ofOwner, evidence)).type, 'fail', `${path} of nobody`)
          }
        } finally {
          chmodSync(path, rightMode)
          chownSync(path, uid, gid)
        }
        if (ofOwner !== undefined) assert.equal((await verdictOf(ofOwner, evidence)).type, 'pass', path)
      })
    }

    it('does not mind files in a directory that nobody else may enter', async () => {
      const folder = join(evidence.layout.node(evidence.nodes[0]?.name ?? '').root, 'cni')
      const [file = ''] = globSync(`${folder}/*`)
      try {
        chmodSync(file, openToOthers)
        chmodSync(folder, 0o700)
        assert.equal((await verdictOf('1.1.9', evidence)).type, 'pass')
        chmodSync(folder, 0o755)
        assert.equal((await verdictOf('1.1.9', evidence)).type, 'fail')
      } finally {
        chmodSync(file, 0o600)
      }
    })
  })
}
