import { clip, excerpt } from './clip.ts'
import { closest } from './closest.ts'
import { redact } from './redact.ts'
import type { Fault } from './validator.ts'

const maxFeedbackBytes = 1024
const maxReceivedBytes = 60

/**
 * What is wrong with a value, for a model to mend: one line per fault with the path, what was expected and what came,
 * at most 1 KiB in all, secrets masked.
 */
export function describeFaults(faults: readonly Fault[]): string {
  const lines: string[] = []
  for (const fault of withoutConsequences(faults)) lines.push(`- ${describe(fault)}`)
  return limitFeedback(lines.join('\n'))
}

/** Makes a message fit to be read by the model: secrets masked, cut at 1 KiB. */
export function limitFeedback(message: string): string {
  return clip(redact(message), maxFeedbackBytes, (left) => `\n(… ${left} bytes left out …)\n`).text
}

/** A fault inside `anyOf`, `oneOf` or `if` is reported by its parts; the summary line of the whole adds nothing. */
function withoutConsequences(faults: readonly Fault[]): readonly Fault[] {
  const summary = new Set(['anyOf', 'oneOf', 'if'])
  const parts = faults.filter((fault) => !(summary.has(fault.keyword) && hasParts(fault, faults)))
  return parts.length > 0 ? parts : faults
}

function hasParts(whole: Fault, faults: readonly Fault[]): boolean {
  return faults.some((fault) => fault !== whole && fault.schemaPath.startsWith(`${whole.schemaPath}/`))
}

function describe(fault: Fault): string {
  const path = fault.instancePath === '' ? '(root)' : fault.instancePath
  const params: Readonly<Record<string, unknown>> = fault.params
  switch (fault.keyword) {
    case 'required':
      return `${path}: required property "${params['missingProperty']}" is missing`
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      return `${path}: unknown property ${received(name)}${suggestion(name, fault)}`
    }
    case 'enum':
      return `${path}: expected one of ${list(params['allowedValues'])}, received ${received(fault.data)}`
    case 'const':
      return `${path}: expected ${received(params['allowedValue'])}, received ${received(fault.data)}`
    case 'type':
      return `${path}: expected ${[params['type']].flat().join(' or ')}, received ${received(fault.data)}`
    default:
      return `${path}: ${fault.message ?? `breaks "${fault.keyword}"`}, received ${received(fault.data)}`
  }
}

function suggestion(name: string, fault: Fault): string {
  const properties = Object.keys(fault.parentSchema?.['properties'] ?? {})
  const meant = closest(name, properties)
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return properties.length > 0 && properties.length <= 12 ? `; known: ${properties.join(', ')}` : ''
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.slice(0, 20).map(received).join(', ') : String(values)
}

function received(value: unknown): string {
  if (Array.isArray(value) && value.length > 8) return `an array of ${value.length}`
  return excerpt(JSON.stringify(value) ?? 'nothing', maxReceivedBytes)
}
