/** Objects to bytes. Key order is as given; int64 values beyond 2^53 are bigint and written exactly (see json.ts). */
import './json.ts'

/** One object as JSON with a newline at its end, as upstream writes every object. */
export const encodeJson = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)

/** For `?pretty=true` and browsers: indented by two spaces. */
export const encodePrettyJson = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)
