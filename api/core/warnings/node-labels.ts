/** Node labels that have a newer name. Upstream: pkg/api/node/util.go. */
import { child, key } from '../../meta/field-error.ts'
import { isValidLabelValue } from '../../meta/names.ts'

const deprecated: ReadonlyMap<string, string> = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  ['scheduler.alpha.kubernetes.io/preferAvoidPods', 'deprecated since v1.22; use Taints and Tolerations instead'],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
])

interface Expression {
  readonly key: string
  readonly values?: readonly string[]
}

/** Labels of a map such as a node selector; `path` is the map's. */
export const nodeSelectorWarnings = (
  selector: Readonly<Record<string, string>> | undefined,
  at: (label: string) => string,
): string[] =>
  Object.keys(selector ?? {}).flatMap((label) => {
    const message = deprecated.get(label)
    return message === undefined ? [] : [`${at(label)}: ${message}`]
  })

/** A label named by a field of its own, such as a topology key. */
export const labelWarnings = (label: string, path: string): string[] => {
  const message = deprecated.get(label)
  return message === undefined ? [] : [`${path}: ${label} is ${message}`]
}

/** Match expressions of a node selector term or label selector; `path` is the list's. */
export const expressionWarnings = (expressions: readonly Expression[] | undefined, path: string): string[] =>
  (expressions ?? []).flatMap((expression, index) => labelWarnings(expression.key, child(path, index, 'key')))

/** Values that no node can have. */
export const expressionValueWarnings = (expressions: readonly Expression[] | undefined, path: string): string[] =>
  (expressions ?? []).flatMap(({ values }, index) =>
    (values ?? []).flatMap((value, at) =>
      isValidLabelValue(value).map((message) => `${child(path, index, 'values', at)}: ${value} is invalid, ${message}`),
    ),
  )

/** `path[label]`. */
export const byKey =
  (path: string) =>
  (label: string): string =>
    key(path, label)
