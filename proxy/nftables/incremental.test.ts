/** Any sequence of changes to Services, written one after the other, ends in the table that the last state asks for. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { type ServicePort, viewService } from '../services/service-port.ts'
import type { TableOptions } from './base-table.ts'
import { baseCommands } from './base-table.ts'
import { EndpointSlots } from './endpoint-slots.ts'
import { releaseSlots, servicePortFragment } from './service-rules.ts'
import { emptyFragment, mergeFragments } from './table.ts'
import { TableModel } from './table-model.ts'

const options: TableOptions = {
  family: 'IPv4',
  localTraffic: { isLocal: 'ip saddr 10.244.0.0/16', isNotLocal: 'ip saddr != 10.244.0.0/16' },
  masqueradeAll: false,
  masqueradeBit: 14,
  nodePortAddresses: undefined,
  nodeIP: undefined,
  serviceCIDRs: [],
  localServices: [],
}

/** What nft does with the commands that are written here, and what it refuses. */
class FakeNft {
  readonly chains = new Map<string, string[]>()
  readonly sets = new Map<string, Map<string, string>>()

  run(commands: readonly string[]): void {
    for (const command of commands) {
      const [, verb = '', kind = '', name = '', rest = ''] =
        /^(\w+) (\w+) ip kube-proxy ?(\S*) ?(.*)$/.exec(command) ?? assert.fail(`no command: ${command}`)
      if (kind === 'chain') this.#chain(verb, name, command)
      else if (kind === 'rule') (this.chains.get(name) ?? assert.fail(`no chain for: ${command}`)).push(rest)
      else if (kind === 'element') this.#elements(verb, name, rest)
      else if (kind === 'set' || kind === 'map') this.#set(verb, name, command)
    }
    for (const [chain, rules] of this.chains) {
      for (const rule of rules) {
        for (const [, target = ''] of rule.matchAll(/(?:goto|jump) ([^\s,}]+)/g))
          assert.ok(this.chains.has(target), `${chain} leads to ${target}`)
        for (const [, set = ''] of rule.matchAll(/@([^\s]+)/g)) assert.ok(this.sets.has(set), `${chain} asks ${set}`)
      }
    }
  }

  #chain(verb: string, name: string, command: string): void {
    if (verb === 'add' && !this.chains.has(name)) this.chains.set(name, [])
    if (verb === 'add') return
    assert.ok(this.chains.has(name), command)
    if (verb === 'flush') this.chains.set(name, [])
    else this.chains.delete(name)
  }

  #set(verb: string, name: string, command: string): void {
    if (verb === 'add') return void (this.sets.has(name) || this.sets.set(name, new Map()))
    assert.ok(this.sets.has(name), command)
    if (verb === 'flush') this.sets.set(name, new Map())
    else this.sets.delete(name)
  }

  #elements(verb: string, name: string, body: string): void {
    const items = this.sets.get(name) ?? assert.fail(`no set ${name}`)
    for (const item of body.replace(/^\{ | \}$/g, '').split(', ')) {
      const [key = '', value = ''] = item.split(' : ')
      if (verb === 'delete') assert.ok(items.delete(key), `${name} has no ${key}`)
      else {
        assert.ok(!items.has(key) || items.get(key) === value, `${name} has another ${key}`)
        items.set(key, value)
      }
    }
  }

  /** The endpoints that a chain sends connections to. */
  endpointsOf(chain: string): string[] {
    return (this.chains.get(chain) ?? []).flatMap((rule): string[] => {
      const slots = /numgen random mod (\d+) offset (\d+) map @(\S+)/.exec(rule)
      if (slots !== null) {
        const [count, offset] = [Number(slots[1]), Number(slots[2])]
        const items = this.sets.get(slots[3] ?? '')
        return Array.from({ length: count }, (_, index) =>
          (items?.get(String(offset + index)) ?? assert.fail(`${chain}: slot ${offset + index} is empty`)).replace(
            ' . ',
            ':',
          ),
        )
      }
      const only = /dnat ip to ([\d.:]+)$/.exec(rule)
      if (only !== null) return [only[1] ?? '']
      return [...rule.matchAll(/\d+ : goto ([^\s,]+)/g)].flatMap(([, target = '']) => this.endpointsOf(target))
    })
  }
}

interface Step {
  readonly service: number
  readonly exists: boolean
  readonly pods: readonly number[]
  readonly sticky: boolean
  readonly nodePort: boolean
}

const service = ({ service: index, sticky, nodePort }: Step): Service => ({
  metadata: { namespace: 'ns', name: `s${index}` },
  spec: {
    type: nodePort ? 'NodePort' : 'ClusterIP',
    clusterIP: `10.96.0.${index}`,
    clusterIPs: [`10.96.0.${index}`],
    sessionAffinity: sticky ? 'ClientIP' : 'None',
    ports: [{ port: 80, protocol: 'TCP', ...(nodePort ? { nodePort: 30_000 + index } : {}) }],
    // Two Services may have one external address: one of them has it.
    externalIPs: nodePort ? ['1.2.3.4'] : [],
  },
})
const slice = ({ pods }: Step): EndpointSlice => ({
  addressType: 'IPv4',
  metadata: {},
  ports: [{ port: 8080, protocol: 'TCP' }],
  endpoints: pods.map((pod) => ({ addresses: [`10.244.0.${pod}`], nodeName: pod % 2 === 0 ? 'here' : 'there' })),
})

const steps = fc.array(
  fc.record({
    service: fc.integer({ min: 1, max: 4 }),
    exists: fc.boolean(),
    pods: fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 12 }),
    sticky: fc.boolean(),
    nodePort: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
)

describe('rules that are written change by change', () => {
  it('lead to the endpoints of the last state, and nothing else is left', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (all, together) => {
        const nft = new FakeNft()
        const model = new TableModel('ip kube-proxy')
        const slots = new EndpointSlots()
        const ports = new Map<string, readonly ServicePort[]>()
        const last = new Map<number, Step>()
        nft.run(model.everything(baseCommands(options), { chains: [], containers: new Map() }).commands)
        for (const [index, step] of all.entries()) {
          const key = `ns/s${step.service}`
          const view = viewService(service(step), [slice(step)], { family: 'IPv4', nodeName: 'here', zone: '' })
          for (const port of step.exists ? [] : (ports.get(key) ?? [])) releaseSlots(port, slots)
          ports.set(key, step.exists ? view.ports : [])
          const fragments = (ports.get(key) ?? []).map((port) => servicePortFragment(port, options, slots))
          model.replace(key, fragments.length === 0 ? emptyFragment : mergeFragments(fragments))
          last.set(step.service, step)
          if (index % together !== 0 && index !== all.length - 1) continue
          const { commands, retired } = model.changes()
          nft.run(commands)
          for (const chain of retired) assert.deepEqual(nft.chains.get(chain), [])
        }
        for (const step of last.values()) {
          const verdict = nft.sets.get('service-ips')?.get(`10.96.0.${step.service} . tcp . 80`)
          const refusal = nft.sets.get('no-endpoint-services')?.get(`10.96.0.${step.service} . tcp . 80`)
          const wanted = step.exists ? step.pods.map((pod) => `10.244.0.${pod}:8080`).toSorted() : []
          assert.deepEqual(nft.endpointsOf(verdict?.replace('goto ', '') ?? '').toSorted(), wanted)
          assert.equal(refusal !== undefined, step.exists && wanted.length === 0)
        }
        const used = [...last.values()].filter(({ exists }) => exists)
        const slotCount = [...nft.sets]
          .filter(([name]) => name.startsWith('endpoints-'))
          .reduce((sum, [, items]) => sum + items.size, 0)
        const expected = used
          .filter(({ sticky, pods }) => !sticky && pods.length > 1)
          .reduce((sum, { pods }) => sum + pods.length, 0)
        assert.equal(slotCount, expected)
        assert.equal(nft.sets.get('cluster-ips')?.size, used.length)
      }),
      { numRuns: 300 },
    )
  })
})
