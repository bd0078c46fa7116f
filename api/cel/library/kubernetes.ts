/** What expressions in Kubernetes objects may call. Upstream: apiserver/pkg/cel/environment/base.go */
import type { Environment, StructType } from '../environment.ts'
import { func, type FunctionTable, functionTable } from '../functions.ts'
import type { Type } from '../types.ts'
import { addressFunctions } from './addresses.ts'
import { authorizerFunctions } from './authorizer.ts'
import { listFunctions } from './collections.ts'
import { formatFunctions } from './named-formats.ts'
import { quantityFunctions } from './quantities.ts'
import { semverFunctions } from './semver.ts'
import { standardFunctions } from './standard.ts'
import { regexFunctions } from './strings.ts'
import { urlFunctions } from './urls.ts'

/** A key as a JSON pointer has it. */
const escapeKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** Made when the first expression is compiled: most processes compile none. */
let functions: FunctionTable | undefined
const kubernetesFunctions = (): FunctionTable =>
  (functions ??= functionTable([
    ...standardFunctions,
    ...listFunctions,
    ...regexFunctions,
    ...urlFunctions,
    ...quantityFunctions,
    ...addressFunctions,
    ...semverFunctions,
    ...formatFunctions,
    ...authorizerFunctions,
    func('jsonpatch.escapeKey', 'string -> string', escapeKey),
  ]))

/** An environment with Kubernetes' functions and these variables. */
export const kubernetesEnvironment = (
  variables: Readonly<Record<string, Type>>,
  types: (name: string) => StructType | undefined = () => undefined,
): Environment => ({
  variables: new Map(Object.entries(variables)),
  functions: kubernetesFunctions(),
  types,
  container: '',
  homogeneousLiterals: true,
})
