/**
 * Holds the import directions of DESIGN.md: libraries below, components above, component to component never. And keeps
 * components small: some modules are loaded in part, since the whole costs every process 13 MB and more.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { projectRoot } from '../deploy/layout.ts'

const libraries = ['api', 'client', 'component-base'] as const
/** What each folder may import beside itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  api: [],
  'component-base': [],
  client: ['api', 'component-base'],
  'etcd-lite': ['component-base'],
  apiserver: ['api', 'component-base'],
  scheduler: libraries,
  'controller-manager': libraries,
  'cloud-controller-manager': libraries,
  kubelet: libraries,
  proxy: libraries,
  testing: [...libraries, 'deploy'],
}

/** Modules of which components import types alone, and what has their values. */
const inPart: Readonly<Record<string, string>> = {
  'node:http': 'component-base/node-http.ts',
  'prom-client': 'component-base/metrics/prometheus.ts',
  undici: 'client/rest/transport.ts',
}

const problems: string[] = []
for (const [folder, others] of Object.entries(allowed)) {
  for (const file of globSync(`${folder}/**/*.ts`, { cwd: projectRoot })) {
    const source = readFileSync(join(projectRoot, file), 'utf8')
    for (const [, module = ''] of source.matchAll(/^import (?!type )[^';]*'([^']+)'/gm)) {
      if (module in inPart && !file.endsWith('.test.ts'))
        problems.push(`${file}: imports ${module}; its values are in ${inPart[module]}`)
    }
    for (const match of source.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const target = relative(projectRoot, join(projectRoot, dirname(file), match[1] ?? ''))
      const top = target.split('/')[0] ?? ''
      if (top === folder || others.includes(top)) continue
      const hint = others.length === 0 ? 'nothing of ours' : others.join(', ')
      problems.push(`${file}: imports ${target}; ${folder}/ may import ${hint}`)
    }
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
