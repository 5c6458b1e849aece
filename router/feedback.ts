import { clip, excerpt } from './clip.ts'
import { closest } from './closest.ts'
import { isSecretName, redact, redacted } from './redact.ts'
import { essentialFaults } from './union-faults.ts'
import type { Fault } from './validator.ts'

const maxFeedbackBytes = 1024
const maxReceivedBytes = 60
/** Room that is kept for saying how many faults are not listed. */
const overflowBytes = 40

/**
 * What is wrong with a value, for a model to mend: one line per fault with the path, what was expected and what came,
 * secrets masked; together with `title`, the line above them, at most 1 KiB.
 */
export function describeFaults(faults: readonly Fault[], title?: string): string {
  const lines = new Set<string>()
  const told = essentialFaults(faults)
  let room = maxFeedbackBytes - overflowBytes - (title === undefined ? 0 : Buffer.byteLength(title) + 1)
  for (const [index, fault] of told.entries()) {
    const line = redact(`- ${describe(fault)}`)
    if (lines.has(line)) continue
    room -= Buffer.byteLength(line) + 1
    if (room < 0 && lines.size > 0) {
      lines.add(`- … and ${told.length - index} more faults`)
      break
    }
    lines.add(line)
  }
  return limitFeedback([...(title === undefined ? [] : [title]), ...lines].join('\n'))
}

/** Makes a message fit to be read by the model: secrets masked, cut at 1 KiB. */
export function limitFeedback(message: string): string {
  const bounded = message.length > 65_536 ? excerpt(message, maxFeedbackBytes) : redact(message)
  return clip(bounded, maxFeedbackBytes, (left) => `\n(… ${left} bytes left out …)\n`).text
}

function describe(fault: Fault): string {
  const path = fault.instancePath === '' ? '(root)' : excerpt(fault.instancePath, 200)
  const params: Readonly<Record<string, unknown>> = fault.params
  const came = () => (fault.instancePath.split('/').some(isSecretName) ? redacted : received(fault.data))
  if (fault.propertyName !== undefined) {
    return `${path}: property name ${received(fault.propertyName)} ${fault.message ?? 'is not allowed'}`
  }
  switch (fault.keyword) {
    case 'required':
      return `${path}: required property "${params['missingProperty']}" is missing`
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      return `${path}: unknown property ${received(name)}${suggestProperty(name, fault)}`
    }
    case 'enum':
      return `${path}: expected one of ${list(params['allowedValues'])}, received ${came()}${suggestValue(fault)}`
    case 'const':
      return `${path}: expected ${received(params['allowedValue'])}, received ${came()}`
    case 'type':
      return `${path}: expected ${[params['type']].flat().join(' or ')}, received ${came()}`
    default:
      return `${path}: ${excerpt(fault.message ?? `breaks "${fault.keyword}"`, 200)}, received ${came()}`
  }
}

function suggestProperty(name: string, fault: Fault): string {
  const properties = Object.keys(fault.parentSchema?.['properties'] ?? {})
  const meant = closest(name, properties)
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return properties.length > 0 && properties.length <= 12 ? `; known: ${properties.join(', ')}` : ''
}

function suggestValue({ data, params }: Fault): string {
  const allowed: unknown = params['allowedValues']
  if (typeof data !== 'string' || !Array.isArray(allowed)) return ''
  const meant = closest(
    data,
    allowed.filter((value) => typeof value === 'string'),
  )
  return meant === undefined ? '' : `; did you mean "${meant}"?`
}

function list(values: unknown): string {
  if (!Array.isArray(values)) return String(values)
  const shown = values.slice(0, 20).map(received).join(', ')
  return values.length > 20 ? `${shown} and ${values.length - 20} more` : shown
}

function received(value: unknown): string {
  if (Array.isArray(value) && value.length > 8) return `an array of ${value.length}`
  try {
    return excerpt(JSON.stringify(value) ?? 'nothing', maxReceivedBytes)
  } catch {
    return 'a value that JSON cannot carry'
  }
}
