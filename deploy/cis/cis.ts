/** `npm run cis`: the CIS Kubernetes Benchmark against a cluster of `npm start`. Ends with 1 if a check fails. */
import { join } from 'node:path'
import { defineFlags, parseFlags } from '../../component-base/flags/flags.ts'
import { layoutOf, projectRoot } from '../layout.ts'
import { gatherEvidence } from './evidence.ts'
import { runSections, summary } from './report.ts'
import { sections } from './sections.ts'

const flags = defineFlags({
  root: { type: 'string', default: join(projectRoot, '.cluster'), help: "Directory of the cluster's state." },
  section: { type: 'strings', default: [], help: 'Sections to run, by their number: 1.2, 4; default: all.' },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const main = async (): Promise<void> => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kubets cis', version: 'v1.36.0' })
  const isWanted = (id: string): boolean =>
    values.section.length === 0 || values.section.some((wanted) => id === wanted || id.startsWith(`${wanted}.`))
  const chosen = sections.filter(({ id }) => isWanted(id))
  if (chosen.length === 0) throw new Error(`there is no section ${values.section.join(', ')}`)
  const evidence = gatherEvidence(layoutOf(values.root))
  try {
    say('CIS Kubernetes Benchmark 1.12')
    const results = await runSections(chosen, evidence, say)
    say(`\n${summary(results)}`)
    if (results.some(({ verdict }) => verdict.type === 'fail')) process.exitCode = 1
  } finally {
    await evidence.api.close()
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`kubets: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
