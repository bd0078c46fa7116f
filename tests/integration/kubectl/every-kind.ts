/** Every kind that the server has, through the verbs that all kinds share. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import type { Kubectl } from '../../harness/kubectl.ts'
import { waitFor } from '../../harness/wait.ts'
import { inParallel, type Surface } from './surface.ts'

/** Kinds that nobody creates by hand. */
const notCreated = new Set(['apiservices', 'certificatesigningrequests', 'componentstatuses'])
/** Kinds whose describer asks for a beta version in some kubectls, which no server of today has. */
const describedByBeta = new Set(['IPAddress', 'ServiceCIDR', 'VolumeAttributesClass'])

interface ApiResource {
  readonly name: string
  readonly apiVersion: string
  readonly kind: string
  readonly verbs: readonly string[]
}

const resourcesOf = async (kubectl: Kubectl): Promise<ApiResource[]> =>
  (await kubectl('api-resources', '--no-headers', '-o', 'wide', '--sort-by=name'))
    .trim()
    .split('\n')
    .map((line) => {
      const match = /^(\S+) .*?(\S+) +(?:true|false) +(\S+) +(\S+)/.exec(line)
      const [, name = '', apiVersion = '', kind = '', verbs = ''] = match ?? []
      return { name, apiVersion, kind, verbs: verbs.split(',') }
    })

/** `deployments.v1.apps`: one resource and no other of its name. */
const exact = ({ name, apiVersion }: ApiResource): string => {
  const [group = '', version] = apiVersion.split('/')
  return version === undefined ? name : `${name}.${version}.${group}`
}

/** Writes a copy of the manifest in which no name is that of another kubectl's. */
const writeManifest = ({ running, suffix, isNewest }: Surface): string => {
  const text = readFileSync(join(import.meta.dirname, 'every-kind.yaml'), 'utf8')
    .replaceAll(/\b(sample|kinds)\b/g, `$1-${suffix}`)
    .replaceAll('kubets.example.com', `${suffix}.example.com`)
    .replaceAll('203.0.113.', isNewest ? '203.0.113.' : '198.51.100.')
  const path = join(running().layout.root, `every-kind-${suffix}.yaml`)
  writeFileSync(path, text)
  return path
}

/** What only the cluster itself changes meanwhile: the status, and the metadata of who has put it there. */
const desired = (object: KubeObject | undefined): object => {
  const { metadata: { uid, name, labels, ownerReferences } = {}, ...rest } = object ?? {}
  return { ...rest, status: undefined, metadata: { uid, name, labels, ownerReferences } }
}

export const describeEveryKind = (surface: Surface): void => {
  describe('every kind', () => {
    let kubectl: Kubectl
    let manifest: string
    let all: readonly ApiResource[]
    let stored: readonly ApiResource[]

    before(async () => {
      kubectl = surface.running().kubectlOf(surface.binary)
      manifest = writeManifest(surface)
      // Custom kinds are the business of other tests, and come and go with another kubectl's.
      all = (await resourcesOf(kubectl)).filter(({ apiVersion }) => !apiVersion.includes('.example.com/'))
      stored = all.filter(({ verbs }) => verbs.includes('list'))
    })

    it('is created by apply, and left alone by the next one', async () => {
      const said = (await kubectl('apply', '-f', manifest)).trim().split('\n')
      for (const line of said) assert.match(line, / created$/)
      const read = async (): Promise<KubeObject[]> =>
        (JSON.parse(await kubectl('get', '-f', manifest, '-o', 'json')) as { items: KubeObject[] }).items
      const first = await read()
      const kinds = new Set(first.map(({ kind }) => kind))
      const missing = stored.filter(({ kind, name }) => !kinds.has(kind ?? '') && !notCreated.has(name))
      assert.deepEqual(missing, [])
      await kubectl('apply', '-f', manifest)
      const second = await read()
      for (const [index, object] of first.entries()) assert.deepEqual(desired(second[index]), desired(object))
      const { code, stdout, stderr } = await kubectl.run(['diff', '-f', manifest])
      assert.equal(code, 0, stdout + stderr)
    })

    it('is explained', async () => {
      const firstOfGroup = (resource: ApiResource): boolean =>
        all.find(({ apiVersion }) => apiVersion === resource.apiVersion) === resource
      const asked = surface.isNewest ? all : all.filter(firstOfGroup)
      await inParallel(asked, async ({ name, apiVersion, kind }) => {
        const form = surface.isNewest ? ['--recursive'] : []
        const text = await kubectl('explain', name, `--api-version=${apiVersion}`, ...form)
        assert.match(text, new RegExp(`^KIND: +${kind}$`, 'm'), name)
        assert.match(text, /^FIELDS:$/m, name)
        assert.match(text, /^ {2}(metadata|apiVersion)\t<\w+>/m, name)
      })
      assert.match(await kubectl('explain', 'pod.spec.containers.livenessProbe.httpGet.port'), /IntOrString/)
      assert.match(
        await kubectl('explain', 'deployment', '--recursive'),
        /^ {6}rollingUpdate\t<RollingUpdateDeployment>$/m,
      )
      const { stderr } = await kubectl.run(['explain', 'pod.spec.nope'])
      assert.match(stderr, /error: field "nope" does not exist/)
    })

    it('is listed in a table that says more than its name', async () => {
      const listed = stored.filter(({ name }) => !notCreated.has(name))
      const text = await kubectl('get', listed.map(exact).join(), '-A', '-o', 'wide')
      const tables = text.trimEnd().split('\n\n')
      assert.equal(tables.length, listed.length)
      for (const table of tables) {
        const [header = '', ...rows] = table.split('\n')
        assert.match(header, /^(NAMESPACE +)?(LAST SEEN|NAME) /)
        assert.ok(header.trim().split(/ {2,}/).length >= 2, header)
        assert.ok(rows.length > 0, header)
        for (const row of rows) assert.doesNotMatch(row, /undefined|NaN|\[object|null/, row)
      }
    })

    it('is described', async () => {
      const documents = readFileSync(manifest, 'utf8').split('\n---\n')
      const kindOf = (text: string): string => /^kind: (\w+)$/m.exec(text)?.[1] ?? ''
      const described = documents.filter((text) => !describedByBeta.has(kindOf(text)))
      const { stdout, stderr } = await kubectl.run(['describe', '-f', '-'], { input: described.join('\n---\n') })
      // The kinds that are on their way out say so, and nothing else is amiss.
      const complaints = stderr.split('\n').filter((line) => !/^(Warning: v1 Endpoints is deprecated .*)?$/.test(line))
      assert.deepEqual(complaints, [])
      assert.equal(stdout.match(/^Name: +\S/gm)?.length, described.length)
    })

    it('is deleted by file, and all of it goes', async () => {
      // kubectl waits for five objects a second, by a limit of its own.
      await kubectl('delete', '-f', manifest, '--ignore-not-found', '--wait=false')
      await waitFor(async () => (await kubectl('get', '-f', manifest, '--ignore-not-found', '-o', 'name')) === '', {
        what: 'all objects to go',
      })
    })
  })
}
