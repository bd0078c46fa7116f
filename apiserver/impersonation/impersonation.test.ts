import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '../../api/meta/status-error.ts'
import type { UserInfo } from '../authentication/user.ts'
import { type Attributes, type Authorizer, resourceAttributes } from '../authorization/authorizer.ts'
import type { ApiRequest } from '../server/message.ts'
import { impersonate } from './modes.ts'
import { wantedUser } from './wanted-user.ts'

const user = (name: string, more: Partial<UserInfo> = {}): UserInfo => ({
  name,
  uid: '',
  groups: [],
  extra: {},
  ...more,
})

/** `verb group/resource/subresource namespace/name` */
const question = ({ verb, group, resource, subresource, namespace, name }: Attributes): string =>
  `${verb} ${group}/${resource}${subresource === '' ? '' : `/${subresource}`} ${namespace}/${name}`

const authorizerOf = (allowed: readonly string[], asked: string[] = []): Authorizer => ({
  authorize: (attributes) => {
    asked.push(question(attributes))
    return allowed.includes(question(attributes)) ? { type: 'allow', reason: '' } : { type: 'no-opinion', reason: '' }
  },
})

const requester = user('boss')
const about = (who: UserInfo): Attributes =>
  resourceAttributes(who, { verb: 'list', group: '', version: 'v1', resource: 'pods', namespace: 'ns' })
const attempt = (allowed: readonly string[], wanted: UserInfo, who = requester) =>
  impersonate(authorizerOf(allowed), wanted, about(who))
const on = (mode: string): string => `impersonate-on:${mode}:list /pods ns/`

describe('Impersonate headers', () => {
  const wanted = (headers: Record<string, string[]>) =>
    wantedUser({ headersDistinct: headers } as unknown as ApiRequest)

  it('name a user, and what else it has', () => {
    const found = wanted({
      'impersonate-user': ['jane'],
      'impersonate-uid': ['u1'],
      'impersonate-group': ['a', 'b'],
      'impersonate-extra-acme.com%2fproject': ['x', 'y'],
      'impersonate-extra-bad%zz': ['z'],
    })
    assert.deepEqual(
      { ...found, extra: { ...found?.extra } },
      { name: 'jane', uid: 'u1', groups: ['a', 'b'], extra: { 'acme.com/project': ['x', 'y'], 'bad%zz': ['z'] } },
    )
  })

  it('are nothing where there are none, and a bad request without a user', () => {
    assert.equal(wanted({ accept: ['*'] }), undefined)
    assert.throws(() => wanted({ 'impersonate-group': ['a'] }), {
      reason: 'BadRequest',
      message:
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name',
    })
  })
})

describe('impersonation by the verb impersonate', () => {
  it('needs it for the user, its uid, each group and each value of extra', async () => {
    const wanted = user('jane', { uid: 'u1', groups: ['a', 'b'], extra: { 'acme.com/k': ['v'] } })
    const all = [
      'impersonate /users /jane',
      'impersonate authentication.k8s.io/uids /u1',
      'impersonate /groups /a',
      'impersonate /groups /b',
      'impersonate authentication.k8s.io/userextras/acme.com/k /v',
    ]
    assert.deepEqual(await attempt(all, wanted), {
      user: { ...wanted, groups: ['a', 'b', 'system:authenticated'] },
      constraint: '',
    })
    for (const missing of all) {
      await assert.rejects(
        attempt(
          all.filter((one) => one !== missing),
          wanted,
        ),
        (error) => error instanceof StatusError && error.code === 403,
        missing,
      )
    }
  })

  const groups: readonly (readonly [name: string, given: readonly string[], wanted: readonly string[]])[] = [
    ['jane', [], ['system:authenticated']],
    ['jane', ['system:unauthenticated'], ['system:unauthenticated']],
    ['system:anonymous', [], ['system:unauthenticated']],
    [
      'system:serviceaccount:ns:robot',
      [],
      ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    ],
    ['system:serviceaccount:ns:robot', ['g'], ['g', 'system:authenticated']],
    ['system:node:n1', [], ['system:authenticated']],
  ]
  for (const [name, given, final] of groups) {
    it(`makes ${name} with groups [${given.join()}] a member of ${final.join()}`, async () => {
      const everything: Authorizer = {
        authorize: ({ verb }) =>
          verb === 'impersonate' ? { type: 'allow', reason: '' } : { type: 'no-opinion', reason: '' },
      }
      const result = await impersonate(everything, user(name, { groups: given }), about(requester))
      assert.deepEqual(result.user.groups, final)
    })
  }
})

describe('constrained impersonation', () => {
  it('of a user needs the user and what is done as it', async () => {
    const allowed = [on('user-info'), 'impersonate:user-info authentication.k8s.io/users /jane']
    const result = await attempt(allowed, user('jane'))
    assert.equal(result.constraint, 'impersonate:user-info')
    for (const missing of allowed) {
      await assert.rejects(
        attempt(
          allowed.filter((one) => one !== missing),
          user('jane'),
        ),
        StatusError,
      )
    }
  })

  it('tells the refusal of the first mode that concerns such a user', async () => {
    await assert.rejects(attempt([], user('jane')), {
      message:
        'pods is forbidden: User "boss" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"',
    })
    await assert.rejects(attempt([on('user-info')], user('jane')), {
      message:
        'users.authentication.k8s.io "jane" is forbidden: User "boss" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
    })
  })

  it('never gives system:masters, nor the empty group', async () => {
    const asked: string[] = []
    const allowAll: Authorizer = {
      authorize: (attributes) => {
        asked.push(question(attributes))
        return attributes.verb === 'impersonate' ? { type: 'no-opinion', reason: '' } : { type: 'allow', reason: '' }
      },
    }
    for (const group of ['system:masters', '']) {
      await assert.rejects(impersonate(allowAll, user('jane', { groups: [group] }), about(requester)), {
        message: /is not allowed$/,
      })
    }
  })

  it('asks once for many groups', async () => {
    const allowed = [
      on('user-info'),
      'impersonate:user-info authentication.k8s.io/users /jane',
      'impersonate:user-info authentication.k8s.io/groups /*',
    ]
    const result = await attempt(allowed, user('jane', { groups: ['a', 'b', 'c', 'd'] }))
    assert.equal(result.constraint, 'impersonate:user-info')
    await assert.rejects(attempt(allowed, user('jane', { groups: ['a', 'b', 'c'] })), StatusError)
  })

  it('of a service account and of a node have modes of their own, for the bare name', async () => {
    const account = 'impersonate:serviceaccount authentication.k8s.io/serviceaccounts ns/robot'
    const robot = user('system:serviceaccount:ns:robot')
    const asRobot = await attempt([on('serviceaccount'), account], robot)
    assert.deepEqual(asRobot.user.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ])
    await assert.rejects(attempt([on('serviceaccount'), account], { ...robot, groups: ['g'] }), StatusError)

    const node = [on('arbitrary-node'), 'impersonate:arbitrary-node authentication.k8s.io/nodes /n1']
    const asNode = await attempt(node, user('system:node:n1'))
    assert.deepEqual(asNode.user.groups, ['system:nodes', 'system:authenticated'])
    assert.equal(asNode.constraint, 'impersonate:arbitrary-node')
  })

  it('of the node that one runs on is for service accounts whose token names it', async () => {
    const agent = user('system:serviceaccount:ns:agent', {
      extra: { 'authentication.kubernetes.io/node-name': ['n1'] },
    })
    const allowed = [on('associated-node'), 'impersonate:associated-node authentication.k8s.io/nodes /*']
    const result = await attempt(allowed, user('system:node:n1'), agent)
    assert.equal(result.constraint, 'impersonate:associated-node')
    await assert.rejects(attempt(allowed, user('system:node:n2'), agent), StatusError)
    await assert.rejects(attempt(allowed, user('system:node:n1'), user('jane', { extra: agent.extra })), StatusError)
  })

  it('refuses keys of extra that are no domain-prefixed paths in lower case', async () => {
    const allowed = [on('user-info'), 'impersonate:user-info authentication.k8s.io/users /jane']
    for (const key of ['', 'plain', 'acme.com/UPPER']) {
      await assert.rejects(attempt(allowed, user('jane', { extra: { [key]: ['v'] } })), {
        message: /in extra is not allowed/,
      })
    }
  })
})
