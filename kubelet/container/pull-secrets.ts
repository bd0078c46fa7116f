/** Credentials for a Pod's images: its imagePullSecrets, then those of the node. Upstream: MakeDockerKeyring. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { BoundPod } from '../pod.ts'
import type { CredentialPlugins } from '../runtime/images/credential-plugins.ts'
import { type KeyringEntry, lookUp, parseDockerConfig, type PullCredentials } from '../runtime/images/keyring.ts'
import { type ObjectSource, secretEntries } from './objects.ts'

const ofSecret = async (
  objects: ObjectSource,
  namespace: string,
  name: string,
  image: string,
): Promise<PullCredentials[]> => {
  const secret = await objects.secret(namespace, name).catch(() => undefined)
  if (secret === undefined) return []
  const data = secretEntries(secret)
  const text = (data.get('.dockerconfigjson') ?? data.get('.dockercfg'))?.toString()
  if (text === undefined) return []
  return lookUp(parseDockerConfig(text), image, { uid: secret.metadata?.uid ?? '', namespace, name })
}

/** Where docker's credentials of a node may be, the first that is there counts. */
const nodeConfigFiles = (rootDir: string): string[] =>
  [rootDir, process.cwd(), join(homedir(), '.docker'), '/.docker'].map((folder) => join(folder, 'config.json'))

const nodeEntries = async (rootDir: string): Promise<readonly KeyringEntry[]> => {
  for (const file of nodeConfigFiles(rootDir)) {
    try {
      return parseDockerConfig(await readFile(file, 'utf8'))
    } catch {
      // Not there, or not docker's: the next may be.
    }
  }
  return []
}

export interface PullCredentialDeps {
  readonly objects: ObjectSource
  readonly rootDir: string
  readonly plugins: CredentialPlugins
}

/** All that fit the image, in the order in which they are tried; empty for an anonymous pull. */
export const pullCredentials = async (
  { objects, rootDir, plugins }: PullCredentialDeps,
  pod: BoundPod,
  image: string,
): Promise<readonly PullCredentials[]> => {
  const secrets = (pod.spec.imagePullSecrets ?? []).flatMap(({ name = '' }) => (name === '' ? [] : [name]))
  const ofSecrets = await Promise.all(secrets.map((name) => ofSecret(objects, pod.metadata.namespace, name, image)))
  const ofNode = [...(await nodeEntries(rootDir)), ...(await plugins.entriesFor(image))]
  return [...ofSecrets.flat(), ...lookUp(ofNode, image, undefined)]
}
