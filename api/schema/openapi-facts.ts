/** The parts of an OpenAPI v2 document that the generator reads. */

export interface OpenApiProperty {
  readonly type?: string
  readonly format?: string
  readonly $ref?: string
  readonly items?: OpenApiProperty
  readonly additionalProperties?: OpenApiProperty
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-patch-strategy'?: string
}

export interface OpenApiGvk {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface OpenApiDefinition {
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, OpenApiProperty>>
  readonly required?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-group-version-kind'?: readonly OpenApiGvk[]
  readonly 'x-kubernetes-unions'?: readonly unknown[]
}

export interface OpenApiParameter {
  readonly $ref?: string
  readonly in?: string
  readonly name?: string
  readonly type?: string
}

export interface OpenApiOperation {
  readonly operationId: string
  readonly parameters?: readonly OpenApiParameter[]
  readonly responses?: Readonly<Record<string, { readonly schema?: OpenApiProperty }>>
  readonly 'x-kubernetes-action'?: string
  readonly 'x-kubernetes-group-version-kind'?: OpenApiGvk
}

/** Operations by HTTP method; `parameters` stands among them in OpenAPI. */
export type OpenApiPath = Readonly<Record<string, OpenApiOperation>> & {
  readonly parameters?: readonly OpenApiParameter[]
}

export interface OpenApiDocument {
  readonly definitions: Readonly<Record<string, OpenApiDefinition>>
  readonly parameters: Readonly<Record<string, OpenApiParameter>>
  readonly paths: Readonly<Record<string, OpenApiPath>>
}

/** `v1`, `v2`: no alpha, no beta. */
export const isGaVersion = (version: string): boolean => /^v\d+$/.test(version)

/** Kinds that are built though v1.36 serves them only when `--runtime-config` asks for them. */
const optional = ['certificates.v1alpha1.ClusterTrustBundle', 'certificates.v1beta1.ClusterTrustBundle']

/** Whether a definition is one of an optional kind: the kind, its list, its spec. */
export const isOptionalDefinition = (name: string): boolean =>
  optional.some((kind) => new RegExp(`\\.${kind.replaceAll('.', '\\.')}(List|Spec|Status)?$`).test(name))

/** The same of a resource, by the group's name in URLs. */
export const isOptionalResource = (group: string, version: string, kind: string): boolean =>
  optional.includes(`${group.split('.')[0] ?? ''}.${version}.${kind}`)

export const refName = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1)
