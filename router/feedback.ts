// Turns validation errors into text that helps a model to correct its call or its answer:
//
//   - /window: required property "from" is missing
//   - /level: expected one of "warning", "error", received "warn"; did you mean "warning"?

import { isObject } from './json/json.ts'
import { clip, limitFeedback, maxFeedbackBytes } from './text/clip.ts'
import { closest } from './text/closest.ts'
import { isSecretName, mask } from './text/named-secrets.ts'
import { redact } from './text/redact.ts'
import { shownValue } from './text/shown-value.ts'
import { summarizeUnionErrors } from './union-errors.ts'
import type { ValidationError } from './validation.ts'

/** Longest line when not all errors fit, so that one long line does not hide the others. */
const maxLineBytes = 300
/** Room for the line that counts the errors that are not listed. */
const overflowBytes = 40

/**
 * Describes validation errors for a model: one line per error, with the path, the expectation and the received value.
 * Secrets are masked. The text has at maxCount 1 KiB; further errors are counted in the last line.
 *
 * @param errors the validation errors, at least one.
 * @param schema the schema that the value was validated against.
 * @param title a line above the errors.
 */
export function describeValidationErrors(errors: readonly ValidationError[], schema: object, title?: string): string {
  const summary = summarizeUnionErrors(errors, schema)
  const room = maxFeedbackBytes - overflowBytes - (title === undefined ? 0 : Buffer.byteLength(title) + 1)
  const whole = linesOf(summary, room, room)
  const lines = whole.isComplete ? whole : linesOf(summary, room, maxLineBytes)
  return limitFeedback([...(title === undefined ? [] : [title]), ...lines.lines].join('\n'))
}

/** The lines that fit. When that is not all, the last line counts the other errors. */
function linesOf(
  errors: readonly ValidationError[],
  room: number,
  lineBytes: number,
): { lines: Iterable<string>; isComplete: boolean } {
  const lines = new Set<string>()
  let left = room
  for (const [index, error] of errors.entries()) {
    const line = lineOf(error, lineBytes)
    if (lines.has(line)) continue
    left -= Buffer.byteLength(line) + 1
    if (left < 0 && lines.size > 0) {
      return { lines: lines.add(`- … and ${errors.length - index} more errors`), isComplete: false }
    }
    lines.add(line)
  }
  return { lines, isComplete: true }
}

function lineOf(error: ValidationError, maxBytes: number): string {
  const line = redact(`- ${describeValidationError(error, maxBytes)}`)
  return clip(line.replace(/[\p{Cc}\u2028\u2029]/gu, escaped), maxBytes, () => ' … ').text
}

/** Escapes a control character. A line break in a property name must not start a line that looks like feedback. */
function escaped(character: string): string {
  const json = JSON.stringify(character).slice(1, -1)
  return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : json
}

const maxReceivedBytes = 60
const maxSchemaBytes = 120
const maxMessageBytes = 200
const maxNames = 12
const maxNamesBytes = 400
/** Room that a line needs besides a list of values: path, received value and suggestion. */
const besideList = 140

/** One error: the path, the expectation and the received value. Lists are cut so that the line has about `maxBytes`. */
function describeValidationError(error: ValidationError, maxBytes: number): string {
  const path = error.instancePath === '' ? '(root)' : clip(redact(error.instancePath), 200, () => ' … ').text
  return `${path}: ${describeProblem(error, maxBytes)}`
}

function describeProblem(error: ValidationError, maxBytes: number): string {
  const params: Readonly<Record<string, unknown>> = error.params
  const receivedValue = () =>
    `, received ${error.instancePath.split('/').some(isSecretName) ? mask : received(error.data)}`
  if (error.propertyName !== undefined) {
    return `property name ${received(error.propertyName)} ${error.message ?? 'is not allowed'}`
  }
  switch (error.keyword) {
    case 'required':
      return `required property "${params['missingProperty']}" is missing`
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      return `unknown property ${received(name)}${suggestProperty(name, error)}`
    }
    case 'enum': {
      const values = listOf(params['allowedValues'], 20, maxBytes - besideList)
      return `expected one of ${values}${receivedValue()}${suggestValue(error)}`
    }
    case 'const':
      return `expected ${received(params['allowedValue'])}${receivedValue()}`
    case 'type':
      return `expected ${[params['type']].flat().join(' or ')}${receivedValue()}`
    case 'not':
      return `must not ${forbidden(error.schema)}${receivedValue()}`
    case 'contains':
      return `${error.message ?? 'does not contain a required item'}, one that matches ${shownValue(error.schema, maxSchemaBytes)}${receivedValue()}`
    default:
      return describeUnion(error, maxBytes) ?? `${messageOf(error)}${receivedValue()}`
  }
}

function messageOf({ message, keyword }: ValidationError): string {
  return clip(redact(message ?? `violates "${keyword}"`), maxMessageBytes, () => ' … ').text
}

/** A union with several equally close branches; `undefined` when Ajv's message is enough. */
function describeUnion(
  { params, keyword, schema, instancePath }: ValidationError,
  maxBytes: number,
): string | undefined {
  const count = keyword === 'oneOf' ? 'exactly one' : 'at least one'
  if (params['passingSchemas']) {
    const names = onlyRequired(schema)
    return names && `exactly one of the properties ${names} is allowed`
  }
  const branches: readonly (readonly ValidationError[])[] = params['alternatives'] ?? []
  if (branches.length === 0) return undefined
  if (branches.every((errors) => errors.every((one) => isMissing(one, instancePath)))) {
    const names = branches.map((errors) => errors.map((one) => `"${one.params['missingProperty']}"`).join(' with '))
    return `${count} of the properties ${joined(names, maxNames, maxBytes)} is required`
  }
  const ways = branches.map((errors) =>
    errors
      .map((one) =>
        one.instancePath === instancePath ? describeProblem(one, maxBytes) : describeValidationError(one, maxBytes),
      )
      .join(' and '),
  )
  return `fix one of these: ${joined([...new Set(ways)], maxNames, maxBytes - besideList, '; or ')}`
}

function isMissing({ keyword, instancePath }: ValidationError, path: string): boolean {
  return keyword === 'required' && instancePath === path
}

/** The property names of a union whose branches have no keyword but `required`. */
function onlyRequired(branches: unknown): string | undefined {
  if (!Array.isArray(branches)) return undefined
  const names: unknown[] = branches.map((branch) =>
    isObject(branch) && Object.keys(branch).length === 1 ? branch['required'] : undefined,
  )
  return names.every(Array.isArray)
    ? names.map((some) => some.map((name) => `"${name}"`).join(' with ')).join(', ')
    : undefined
}

function forbidden(schema: unknown): string {
  if (isObject(schema)) {
    const { required, const: only, enum: values, ...others } = schema
    const isAlone = Object.keys(others).every((name) => name === 'type')
    if (isAlone && Array.isArray(required)) return `have ${required.map((name) => `"${name}"`).join(' together with ')}`
    if (isAlone && Array.isArray(values)) return `be one of ${listOf(values, maxNames, maxSchemaBytes)}`
    if (isAlone && 'const' in schema) return `be ${received(only)}`
  }
  return `match ${shownValue(schema, maxSchemaBytes)}`
}

function suggestProperty(name: string, { parentSchema, data }: ValidationError): string {
  const properties = Object.keys(parentSchema?.['properties'] ?? {})
  const meant = closest(
    name,
    properties.filter((property) => !isObject(data) || !Object.hasOwn(data, property)),
  )
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return properties.length > 0 ? `; the properties are ${joined(properties, maxNames, maxNamesBytes)}` : ''
}

function suggestValue({ data, params }: ValidationError): string {
  const allowed: unknown = params['allowedValues']
  if (typeof data !== 'string' || !Array.isArray(allowed)) return ''
  const meant = closest(
    data,
    allowed.filter((value) => typeof value === 'string'),
  )
  return meant === undefined ? '' : `; did you mean "${meant}"?`
}

function listOf(values: unknown, maxCount: number, maxBytes: number): string {
  if (!Array.isArray(values)) return String(values)
  return joined(values.slice(0, maxCount).map(received), maxCount, maxBytes, ', ', values.length)
}

/** As many of the texts as fit, at least the first, and the number of the others. */
function joined(texts: readonly string[], maxCount: number, maxBytes: number, by = ', ', total = texts.length): string {
  let shown = texts[0] ?? ''
  let count = 1
  for (const text of texts.slice(1, maxCount)) {
    if (Buffer.byteLength(shown) + Buffer.byteLength(text) + by.length > maxBytes) break
    shown += by + text
    count++
  }
  return total > count ? `${shown} and ${total - count} more` : shown
}

function received(value: unknown): string {
  if (Array.isArray(value) && value.length > 8) return `an array of ${value.length}`
  return shownValue(value, maxReceivedBytes)
}
