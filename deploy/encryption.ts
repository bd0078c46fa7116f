/** Encryption of Secrets in the store: a key made once for each cluster, and kept beside its other keys. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import type { Layout } from './layout.ts'

/** Readable by its owner alone. Whoever loses it loses the Secrets. */
export const encryptionConfigPath = ({ pki }: Layout): string => join(pki, 'encryption-config.yaml')

/** What was stored before there was a key is read as it is, and encrypted when it is written again. */
export const ensureEncryptionConfig = (layout: Layout): void => {
  const path = encryptionConfigPath(layout)
  if (existsSync(path)) return
  const secret = randomBytes(32).toString('base64')
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers: [{ secretbox: { keys: [{ name: 'key1', secret }] } }, { identity: {} }],
      },
    ],
  }
  writeFileAtomic(path, dump(configuration), 0o600)
}
