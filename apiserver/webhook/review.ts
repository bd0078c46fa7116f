/** What reviews of all kinds have in common: one question with an id, in a version that both sides speak. */

export interface Review {
  readonly uid: string
  /** `admission.k8s.io/v1` */
  readonly apiVersion: string
  readonly body: string
}

const known: readonly string[] = ['v1', 'v1beta1']

/** The first version of the webhook's list that we speak. */
export const reviewVersion = (versions: readonly string[]): string | undefined =>
  versions.find((candidate) => known.includes(candidate))
