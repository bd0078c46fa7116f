/** Which Ingresses are this controller's. Pure. */
import type { Ingress, IngressClass } from '../../api/types.ts'

/** How Ingresses named their class before there were IngressClasses. */
const annotation = 'kubernetes.io/ingress.class'

/** The class that an Ingress names; the API server gives the default one to those that name none. */
export const classOf = ({ metadata, spec }: Ingress): string | undefined =>
  spec?.ingressClassName ?? metadata?.annotations?.[annotation]

/** The Ingresses of all classes that name `controller`. */
export const ownIngresses = (
  ingresses: readonly Ingress[],
  classes: readonly IngressClass[],
  controller: string,
): Ingress[] => {
  const own = new Set(
    classes.filter(({ spec }) => spec?.controller === controller).map(({ metadata }) => metadata?.name),
  )
  return ingresses.filter((ingress) => own.has(classOf(ingress)))
}
