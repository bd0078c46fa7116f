/** V8's code cache, so that a process that starts again compiles nothing. */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** When what was compiled is written down: after the start, because a killed process writes nothing at its end. */
const flushAfterMs = 5_000

/**
 * Turns the cache on for what is imported from now on: a main file's own static imports were compiled before. The
 * launcher therefore sets NODE_COMPILE_CACHE, which counts from the first module on; without it, the directory is one
 * of this user under the system's temporary directory.
 */
export const useCompileCache = (): void => {
  enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), `kubets-compile-cache-${process.getuid?.()}`))
  setTimeout(flushCompileCache, flushAfterMs).unref()
}
