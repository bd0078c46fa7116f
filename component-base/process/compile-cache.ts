/** V8's code cache, so that a process that starts again compiles nothing. */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

/** When what was compiled is written down: after the start, because a killed process writes nothing at its end. */
const flushAfterMs = 5_000

/** In the checkout, beside the packages: what is read from it is run, so it must be nobody else's to write. */
export const compileCacheDirectory =
  process.env['NODE_COMPILE_CACHE'] ?? join(import.meta.dirname, '../../node_modules/.cache/kubets-compile')

/**
 * Turns the cache on for what is imported from now on: a main file's own static imports were compiled before. The
 * launcher therefore sets NODE_COMPILE_CACHE, which counts from the first module on.
 */
export const useCompileCache = (): void => {
  enableCompileCache(compileCacheDirectory)
  setTimeout(flushCompileCache, flushAfterMs).unref()
}
