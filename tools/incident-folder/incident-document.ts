import { parse } from 'yaml'
import type { Document } from '../../fixtures/deployment.ts'
import { sloSchema } from '../../fixtures/scenario.ts'
import { errorMessage, TenroundsError } from '../../router/errors.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { compileSchema } from '../../router/validation.ts'
import type { RecognisedFile } from './recognise.ts'

/** A file of an incident folder is wrong (`invalid_incident`). The message names the file and the problem. */
export class IncidentFolderError extends TenroundsError {
  /** The recognised files of a folder with neither a log nor a metrics page; `undefined` for any other problem. */
  readonly found: readonly RecognisedFile[] | undefined

  /**
   * @param message what is wrong, and the next step.
   * @param found see {@link IncidentFolderError.found}.
   */
  constructor(message: string, found?: readonly RecognisedFile[]) {
    super('invalid_incident', message)
    this.found = found
  }
}

const text = { type: 'string', minLength: 1 } as const
const amount = { type: 'number', exclusiveMinimum: 0 } as const

/** JSON Schema of `incident.yaml`: facts that no other file of the folder states. Everything is optional. */
const incidentDocumentSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    id: { type: 'string', pattern: '^[a-z][a-z0-9_]*$' },
    title: text,
    description: text,
    start: { type: 'string', format: 'date-time' },
    end: { type: 'string', format: 'date-time' },
    model: text,
    vllm_version: text,
    image: text,
    node: text,
    gpu_model: text,
    driver_version: text,
    host_memory_gb: amount,
    cpu_cores: amount,
    shm_gb: amount,
    slo: sloSchema,
  },
} as const

/** The content of `incident.yaml`. */
export type IncidentDocument = Document<typeof incidentDocumentSchema>

/** The content of an SLO file. */
export type Slo = Document<typeof sloSchema>

/** Reads `incident.yaml`. @throws {IncidentFolderError} with the path of each problem. */
export function readIncidentDocument(file: string, source: string): IncidentDocument {
  const value = parsed(file, source) ?? {}
  const problem = problemOf(value, incidentDocumentSchema)
  if (problem === undefined && isIncident(value)) return value
  throw new IncidentFolderError(`${file} ${problem ?? 'is not an object.'}`)
}

/** Reads an SLO file. @throws {IncidentFolderError} with the path of each problem. */
export function readSlo(file: string, source: string): Slo {
  const value = parsed(file, source)
  const problem = problemOf(value, sloSchema)
  if (problem === undefined && isSlo(value)) return value
  throw new IncidentFolderError(`${file} ${problem ?? 'is not an object.'}`)
}

function parsed(file: string, source: string): unknown {
  try {
    return parse(source, { maxAliasCount: 100 })
  } catch (error) {
    const [problem = ''] = errorMessage(error).split('\n', 1)
    throw new IncidentFolderError(`${file} is not YAML: ${problem.replace(/[:.\s]+$/, '')}.`)
  }
}

function problemOf(value: unknown, schema: object): string | undefined {
  const errors = compileSchema(schema)(value)
  return errors.length === 0 ? undefined : describeValidationErrors(errors, schema, 'does not match its schema:')
}

// The schema was checked before; these only give the value its type.
function isIncident(value: unknown): value is IncidentDocument {
  return typeof value === 'object' && value !== null
}

function isSlo(value: unknown): value is Slo {
  return typeof value === 'object' && value !== null
}
