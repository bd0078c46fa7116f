import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** The registry of a process, with its own memory, CPU and event loop, and upstream's kubernetes_build_info. */
export const createMetrics = (component: string): Registry => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'kubernetes_build_info',
    help: 'Version of this component.',
    labelNames: ['component', 'git_version', 'major', 'minor'],
    registers: [registry],
  })
    .labels(component, 'v1.36.0', '1', '36')
    .set(1)
  return registry
}
