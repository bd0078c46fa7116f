/** Verbs that discovery does not tell of are not there, on any resource and subresource. */
import { describe, it } from 'node:test'
import { resourceFacts, type ResourceFacts } from './discovery-facts.ts'
import { expectFailure } from './life.ts'
import { apiVersionOf } from './corpus.ts'
import type { RunningMatrix } from './running.ts'

interface Place {
  readonly path: string
  /** What each verb asks with here. */
  readonly methods: Readonly<Record<string, string>>
  readonly verbs: readonly string[]
}

const ofObject = { get: 'GET', update: 'PUT', patch: 'PATCH', delete: 'DELETE' }
const ofCollection = { list: 'GET', create: 'POST', deletecollection: 'DELETE' }
const ofSubresource = { get: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE' }

const placesOf = (facts: ResourceFacts): readonly Place[] => {
  const base = facts.group === '' ? `/api/${facts.version}` : `/apis/${apiVersionOf(facts)}`
  const collection = `${base}${facts.namespaced ? '/namespaces/default' : ''}/${facts.name}`
  const hasObjects = facts.verbs.includes('get')
  return [
    { path: collection, methods: ofCollection, verbs: facts.verbs },
    ...(hasObjects ? [{ path: `${collection}/x`, methods: ofObject, verbs: facts.verbs }] : []),
    ...facts.subresources.map(({ name, verbs }) => ({
      path: `${collection}/x/${name}`,
      methods: ofSubresource,
      verbs,
    })),
  ]
}

const notAllowed = {
  code: 405,
  reason: 'MethodNotAllowed',
  message: 'the server does not allow this method on the requested resource',
  details: {},
}

export const describeMethods = (running: RunningMatrix): void => {
  describe('methods that are not advertised', () => {
    for (const { path, methods, verbs } of resourceFacts.flatMap(placesOf)) {
      const refused = Object.entries(methods).filter(([verb]) => !verbs.includes(verb))
      for (const [verb, method] of refused) {
        it(`${method} ${path} is no ${verb}`, async () => {
          const body = method === 'GET' || method === 'DELETE' ? {} : { body: {} }
          expectFailure(await running().http(path, { method, ...body }), notAllowed)
        })
      }
    }
  })
}
