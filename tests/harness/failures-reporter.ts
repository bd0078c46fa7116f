/** A reporter of node's test runner: one line of JSON for each test that failed, and nothing else. */
import type { TestEvent } from 'node:test/reporters'

export interface Failure {
  /** The file that was run, though the test may stand in one that it imports. */
  readonly file: string
  readonly name: string
  readonly message: string
}

const messageOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}

const maxMessage = 2_000

export default async function* failures(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:fail') continue
    const {
      file = '',
      entryFile = file,
      name,
      details,
    } = event.data as typeof event.data & { readonly entryFile?: string }
    const failure: Failure = { file: entryFile, name, message: messageOf(details.error).slice(0, maxMessage) }
    yield `${JSON.stringify(failure)}\n`
  }
}
