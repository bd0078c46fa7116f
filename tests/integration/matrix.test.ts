/** Every resource that discovery tells of, through every verb that it advertises. */
import { after, before } from 'node:test'
import { describeDiscovery } from './matrix/discovery.ts'
import { describeRows } from './matrix/every-resource.ts'
import { type Matrix, startMatrix } from './matrix/running.ts'

let matrix: Matrix | undefined

before(
  async () => {
    matrix = await startMatrix()
  },
  { timeout: 120_000 },
)
after(
  async () => {
    await matrix?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

const running = (): Matrix => {
  if (matrix === undefined) throw new Error('the cluster has not started')
  return matrix
}

describeDiscovery(running)
describeRows(running)
