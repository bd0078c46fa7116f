import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toClusterConfig } from './cluster-config.ts'
import { controlPlaneProcesses } from './components.ts'
import { layoutOf } from './layout.ts'

/** Flags of the API server, as the cluster file's extraArgs leave them. */
const flagsWith = (extraArgs: Readonly<Record<string, string>>): ReadonlyMap<string, string> => {
  const spec = { controlPlane: { extraArgs: { 'kube-apiserver': extraArgs } } }
  const config = toClusterConfig({ apiVersion: 'kubets.dev/v1alpha1', kind: 'Cluster', spec })
  const { argv } = controlPlaneProcesses(config, layoutOf('/c')).find(({ name }) => name === 'kube-apiserver') ?? {}
  return new Map((argv ?? []).map((arg) => [/^--([^=]+)/.exec(arg)?.[1] ?? '', arg.replace(/^[^=]*=/, '')]))
}

describe('the flags of the API server', () => {
  it('let anonymous clients see health alone, and bound Events', () => {
    const flags = flagsWith({})
    assert.match(flags.get('authentication-config') ?? '', /deploy\/authentication-config\.yaml$/)
    assert.equal(flags.get('enable-admission-plugins'), 'NodeRestriction,EventRateLimit')
    assert.match(flags.get('admission-control-config-file') ?? '', /deploy\/admission-config\.yaml$/)
  })

  it('make room for others that upstream takes only alone', () => {
    for (const flag of ['anonymous-auth', 'oidc-issuer-url']) {
      assert.equal(flagsWith({ [flag]: 'x' }).get('authentication-config'), undefined, flag)
    }
    assert.equal(flagsWith({ 'authentication-config': '/mine' }).get('authentication-config'), '/mine')
    const own = flagsWith({ 'admission-control-config-file': '/mine' })
    assert.equal(own.get('enable-admission-plugins'), 'NodeRestriction')
    assert.equal(own.get('admission-control-config-file'), '/mine')
  })
})
