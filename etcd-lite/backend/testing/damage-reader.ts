/** A process that reads damaged stores for durable.test.ts: LevelDB ends the process at some kinds of damage. */
import { answersOf, type Opened, open } from './opened-store.ts'

/** What became of one store. A process that ends instead of answering has refused it, too. */
export type Reading =
  | { readonly type: 'refused'; readonly error: string }
  | { readonly type: 'unreadable'; readonly error: string }
  | { readonly type: 'answers'; readonly answers: unknown }

const read = async (dir: string): Promise<Reading> => {
  let opened: Opened
  try {
    opened = await open(dir)
  } catch (err) {
    return { type: 'refused', error: String(err) }
  }
  await using _ = opened
  try {
    return { type: 'answers', answers: await answersOf(opened) }
  } catch (err) {
    return { type: 'unreadable', error: String(err) }
  }
}

process.on('message', (dir: string) => {
  read(dir).then(
    (reading) => process.send?.(reading),
    (err: unknown) => process.send?.({ type: 'unreadable', error: String(err) } satisfies Reading),
  )
})
