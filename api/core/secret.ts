import { secretWarnings } from './warnings/secret.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { Secret } from '../types.ts'
import { validateSecret, validateSecretUpdate } from './data-validation.ts'

/** stringData is a way to write: it ends up in data, in base64, and is never stored. */
const moveStringData = (secret: Secret): void => {
  const entries = Object.entries(secret.stringData ?? {})
  delete secret.stringData
  if (entries.length === 0) return
  secret.data = {
    ...secret.data,
    ...Object.fromEntries(entries.map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  }
}

const setDefaults = (secret: Secret): void => {
  moveStringData(secret)
  secret.type ||= 'Opaque'
}

export const secretKind = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  selectableFields: { type: (secret) => secret.type ?? '' },
  setDefaults,
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  warnings: secretWarnings,
  columns: [
    nameColumn,
    column('Type', 'What the secret is for.', (secret) => secret.type ?? ''),
    column('Data', 'Number of entries.', (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
})
