import { type FilterPlugin, fits } from '../framework/plugin.ts'

/** A Pod that names its node runs there and nowhere else. */
export const nodeName: FilterPlugin = {
  name: 'NodeName',
  events: ['Node/Add'],
  filter: (pod, { node }) =>
    pod.spec?.nodeName === undefined || pod.spec.nodeName === '' || pod.spec.nodeName === node.metadata?.name
      ? fits
      : { type: 'unresolvable', reasons: ["node(s) didn't match the requested node name"] },
}
