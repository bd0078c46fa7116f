/** The functions that every environment has. */
import type { FunctionDeclaration } from '../functions.ts'
import { foldFunctions, optionalFunctions, setFunctions } from './collections.ts'
import { conversionFunctions } from './conversions.ts'
import { operatorFunctions } from './operators.ts'
import { stringFunctions } from './strings.ts'
import { timeFunctions } from './time.ts'

export const standardFunctions: readonly FunctionDeclaration[] = [
  ...operatorFunctions,
  ...conversionFunctions,
  ...timeFunctions,
  ...stringFunctions,
  ...optionalFunctions,
  ...setFunctions,
  ...foldFunctions,
]
