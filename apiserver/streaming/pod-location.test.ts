import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { chooseContainer, commandPath, portForwardPath } from './pod-location.ts'

const aPod = (containers: string[], initContainers: string[] = []): Pod => ({
  metadata: { name: 'x', namespace: 'ns' },
  spec: { containers: containers.map((name) => ({ name })), initContainers: initContainers.map((name) => ({ name })) },
})

describe('chooseContainer', () => {
  it('takes the only container, or the named one of any kind', () => {
    assert.equal(chooseContainer(aPod(['a']), ''), 'a')
    assert.equal(chooseContainer(aPod(['a', 'b']), 'b'), 'b')
    assert.equal(chooseContainer(aPod(['a'], ['init']), 'init'), 'init')
  })

  const refused: [Pod, string, string][] = [
    [aPod(['a', 'b']), '', 'a container name must be specified for pod x, choose one of: [a b]'],
    [
      aPod(['a', 'b'], ['i', 'j']),
      '',
      'a container name must be specified for pod x, choose one of: [a b] or one of the init containers: [i j]',
    ],
    [aPod(['a']), 'y', 'container y is not valid for pod x'],
  ]
  for (const [pod, wanted, message] of refused) {
    it(`says: ${message}`, () => assert.throws(() => chooseContainer(pod, wanted), { reason: 'BadRequest', message }))
  }
})

describe('kubelet paths', () => {
  it('rename the options of exec', () => {
    const query = new URLSearchParams('container=a&stdin=true&stdout=true&stderr=false&tty=1&command=sh&command=-c')
    assert.equal(commandPath('exec', aPod(['a']), query), '/exec/ns/x/a?input=1&output=1&tty=1&command=sh&command=-c')
    assert.equal(commandPath('attach', aPod(['a']), query), '/attach/ns/x/a?input=1&output=1&tty=1')
  })

  it('join the ports', () => {
    assert.equal(portForwardPath(aPod(['a']), new URLSearchParams('ports=1&ports=2')), '/portForward/ns/x?port=1%2C2')
    assert.equal(portForwardPath(aPod(['a']), new URLSearchParams()), '/portForward/ns/x')
  })
})
