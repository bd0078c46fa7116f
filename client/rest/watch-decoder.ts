/** Splits the chunks of a watch stream into its lines, each a JSON document. */

const newline = 10

/**
 * Yields each line as a string; joins chunks only where a line crosses them. What a stream ends with is a line too,
 * newline or not: if it was cut short, the parser of the line finds out.
 */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let pending: Buffer[] = []
  for await (const chunk of chunks) {
    let start = 0
    let end = chunk.indexOf(newline)
    while (end >= 0) {
      const piece = chunk.subarray(start, end)
      const line = pending.length === 0 ? piece : Buffer.concat([...pending, piece])
      pending = []
      if (line.length > 0) yield line.toString('utf8')
      start = end + 1
      end = chunk.indexOf(newline, start)
    }
    if (start < chunk.length) pending.push(chunk.subarray(start))
  }
  if (pending.length > 0) yield Buffer.concat(pending).toString('utf8')
}
