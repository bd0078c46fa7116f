import type { KubeObject } from '../types.ts'

const annotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

/** Marked as the class of claims that name none; of several that are marked the newest is taken. */
export const isDefaultStorageClass = ({ metadata }: KubeObject): boolean =>
  annotations.some((annotation) => metadata?.annotations?.[annotation] === 'true')
