/** Every row through every step. */
import { before, describe, it } from 'node:test'
import type { Namespace, ServiceAccount } from '../../../api/types.ts'
import { namespaces, serviceAccounts } from '../../../api/resources.ts'
import { waitFor } from '../../harness/wait.ts'
import { idOf, type Life, newLife, type Step, stored } from './life.ts'
import { rows } from './rows.ts'
import type { RunningMatrix } from './running.ts'
import { createSteps } from './steps/create.ts'
import { deleteSteps } from './steps/delete.ts'
import { patchSteps } from './steps/patch.ts'
import { readSteps } from './steps/read.ts'
import { statusSteps } from './steps/status.ts'
import { updateSteps } from './steps/update.ts'

const steps: readonly Step[] = [
  ...createSteps,
  ...readSteps,
  ...updateSteps,
  ...statusSteps,
  ...patchSteps,
  ...deleteSteps,
]

/** What waits for an event that never comes. */
const stepTimeoutMs = 30_000

/** Rows that run at once: the server has more than one request to do. */
const concurrency = 4

/** Lets controllers of the API server finish with the object, and sees what they have made of it. */
const settle = async (life: Life): Promise<void> => {
  const { settled } = life.row.rules
  if (settled === undefined || life.versions.length === 0) return
  life.object = await waitFor(
    async () => {
      const object = await stored(life)
      return settled(object) ? object : undefined
    },
    { what: `controllers to finish with ${life.name}` },
  )
}

export const describeRows = (running: RunningMatrix): void => {
  describe('every resource', { concurrency }, () => {
    before(async () => {
      const { client } = running().cluster
      const made = rows.filter(({ facts }) => facts.namespaced).map(idOf)
      await Promise.all(made.map((name) => client.create<Namespace>(namespaces, { metadata: { name } })))
      const account = (namespace: string) => (): Promise<ServiceAccount> =>
        client.get(serviceAccounts, 'default', namespace)
      await Promise.all(made.map((name) => waitFor(account(name), { what: `the ServiceAccount of ${name}` })))
    })

    for (const row of rows) {
      // Subtests would inherit the concurrency.
      describe(row.key, { concurrency: 1 }, () => {
        let life: Life
        before(() => {
          life = newLife(row, running())
        })
        for (const step of steps) {
          if (step.applies?.(row) === false) continue
          it(step.name, { timeout: stepTimeoutMs }, async () => {
            await settle(life)
            await step.run(life)
          })
        }
      })
    }
  })
}
