/** What /statusz tells of this process. */
import { realClock } from '../../component-base/clock.ts'
import { versionInfo } from '../discovery/version.ts'
import type { ProcessFacts } from './zpages.ts'

const { major, minor, goVersion } = versionInfo

export const processFacts = (paths: () => readonly string[]): ProcessFacts => ({
  startMs: realClock.now() - process.uptime() * 1000,
  nowMs: realClock.now,
  runtimeVersion: goVersion,
  version: `${major}.${minor}`,
  paths,
})
