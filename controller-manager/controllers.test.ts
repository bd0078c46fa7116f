import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { controllerAliases, dormantControllers } from './controller-names.ts'
import { controllers, selectControllers } from './controllers.ts'

const names = (selection: readonly string[]): string[] => selectControllers(selection).map(({ name }) => name)

describe('--controllers', () => {
  it('starts with * all but those that upstream leaves off', () => {
    const left = controllers.map(({ name }) => name).filter((name) => !names(['*']).includes(name))
    const off = ['bootstrap-signer-controller', 'selinux-warning-controller', 'token-cleaner-controller']
    assert.deepEqual(left.toSorted(), off)
  })

  it('adds by name and takes away by -name, by aliases too', () => {
    assert.ok(names(['*', 'tokencleaner']).includes('token-cleaner-controller'))
    assert.ok(!names(['*', '-attachdetach']).includes('persistentvolume-attach-detach-controller'))
    assert.deepEqual(names(['deployment', 'job-controller']), ['deployment-controller', 'job-controller'])
  })

  it('goes by what is said first', () => {
    assert.deepEqual(names(['job', '-job']), ['job-controller'])
    assert.deepEqual(names(['-job', 'job']), [])
  })

  it('takes the names of controllers that are off here and upstream, and starts nothing for them', () => {
    assert.deepEqual(names(['storage-version-gc', 'service-lb-controller', '-route']), [])
  })

  it('refuses a name that nobody has, as it was given', () => {
    for (const name of ['nonsense', 'constructor', '']) {
      assert.throws(() => names([`-${name}`]), { message: `"${name}" is not in the list of known controllers` })
    }
  })

  it('has no alias of a controller that is not known, and none that is a name', () => {
    const known = new Set([...controllers.map(({ name }) => name), ...dormantControllers])
    for (const [alias, name] of Object.entries(controllerAliases)) {
      assert.ok(known.has(name), name)
      assert.ok(!known.has(alias), alias)
    }
  })
})
