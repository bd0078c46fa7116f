/** Labels and annotations that the kubelet puts on containers; they are its memory over a restart. */

export const podNameLabel = 'io.kubernetes.pod.name'
export const podNamespaceLabel = 'io.kubernetes.pod.namespace'
export const podUidLabel = 'io.kubernetes.pod.uid'
export const containerNameLabel = 'io.kubernetes.container.name'

export const containerHashAnnotation = 'io.kubernetes.container.hash'
export const restartCountAnnotation = 'io.kubernetes.container.restartCount'
export const terminationMessagePathAnnotation = 'io.kubernetes.container.terminationMessagePath'
export const terminationMessagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy'
export const terminationMessageFileAnnotation = 'kubets.io/terminationMessageFile'
export const preStopAnnotation = 'io.kubernetes.container.preStopHandler'
export const podGracePeriodAnnotation = 'io.kubernetes.pod.terminationGracePeriod'
export const containerTypeAnnotation = 'kubets.io/containerType'
export const imageNameAnnotation = 'kubets.io/imageName'

/** What a container is in its Pod; decides the order of start and stop. */
export type ContainerType = 'container' | 'init' | 'sidecar' | 'ephemeral'
