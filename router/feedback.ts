import { isObject } from './json/json.ts'
import { clip, excerpt } from './text/clip.ts'
import { closest } from './text/closest.ts'
import { isSecretName, mask, redact } from './text/redact.ts'
import { shownValue } from './text/shown-value.ts'
import { summarizeUnionErrors } from './union-errors.ts'
import type { ValidationError } from './validation.ts'

const maxFeedbackBytes = 1024
/** Where not all faults fit, no line is longer, so that a long one does not hide the others. */
const maxLineBytes = 300
/** Room that is kept for saying how many faults are not listed. */
const overflowBytes = 40

/**
 * What is wrong with a value, for a model to mend: one line per fault with the path, what was expected and what came,
 * secrets masked; together with `title`, the line above them, at most 1 KiB.
 *
 * @param schema what the value was checked against: with it, unions are told by the branch that was meant even where
 *   their branches are references to schemas that have references themselves.
 */
export function describeValidationErrors(errors: readonly ValidationError[], schema: object, title?: string): string {
  const told = summarizeUnionErrors(errors, schema)
  const room = maxFeedbackBytes - overflowBytes - (title === undefined ? 0 : Buffer.byteLength(title) + 1)
  const whole = linesOf(told, room, room)
  const lines = whole.isAll ? whole : linesOf(told, room, maxLineBytes)
  return limitFeedback([...(title === undefined ? [] : [title]), ...lines.lines].join('\n'))
}

/** The lines for which there is room; where that is not all, the last one says how many are missing. */
function linesOf(
  faults: readonly ValidationError[],
  room: number,
  lineBytes: number,
): { lines: Iterable<string>; isAll: boolean } {
  const lines = new Set<string>()
  let left = room
  for (const [index, fault] of faults.entries()) {
    const line = lineOf(fault, lineBytes)
    if (lines.has(line)) continue
    left -= Buffer.byteLength(line) + 1
    if (left < 0 && lines.size > 0) {
      return { lines: lines.add(`- … and ${faults.length - index} more errors`), isAll: false }
    }
    lines.add(line)
  }
  return { lines, isAll: true }
}

function lineOf(fault: ValidationError, maxBytes: number): string {
  const line = redact(`- ${describeValidationError(fault, maxBytes)}`)
  return clip(line.replace(/[\p{Cc}\u2028\u2029]/gu, escaped), maxBytes, () => ' … ').text
}

/** A line break in a key must not begin a line of its own: it could say what no check has said. */
function escaped(character: string): string {
  const json = JSON.stringify(character).slice(1, -1)
  return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : json
}

/** Makes a message fit to be read by the model: secrets masked, cut at 1 KiB. */
export function limitFeedback(message: string): string {
  const bounded = message.length > 65_536 ? excerpt(message, maxFeedbackBytes) : redact(message)
  return clip(bounded, maxFeedbackBytes, (left) => `\n(… ${left} bytes left out …)\n`).text
}

const maxReceivedBytes = 60
const maxSchemaBytes = 120
const maxMessageBytes = 200
const maxNames = 12
const maxNamesBytes = 400
/** What a line needs beside its list: path, value and suggestion. */
const besideList = 140

/** One fault: the path, what was expected and what came. Lists are cut so that the line has about `maxBytes`. */
function describeValidationError(fault: ValidationError, maxBytes: number): string {
  const path = fault.instancePath === '' ? '(root)' : clip(redact(fault.instancePath), 200, () => ' … ').text
  return `${path}: ${whatIsWrong(fault, maxBytes)}`
}

function whatIsWrong(fault: ValidationError, maxBytes: number): string {
  const params: Readonly<Record<string, unknown>> = fault.params
  const came = () => `, received ${fault.instancePath.split('/').some(isSecretName) ? mask : received(fault.data)}`
  if (fault.propertyName !== undefined) {
    return `property name ${received(fault.propertyName)} ${fault.message ?? 'is not allowed'}`
  }
  switch (fault.keyword) {
    case 'required':
      return `required property "${params['missingProperty']}" is missing`
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      return `unknown property ${received(name)}${suggestProperty(name, fault)}`
    }
    case 'enum': {
      const values = listOf(params['allowedValues'], 20, maxBytes - besideList)
      return `expected one of ${values}${came()}${suggestValue(fault)}`
    }
    case 'const':
      return `expected ${received(params['allowedValue'])}${came()}`
    case 'type':
      return `expected ${[params['type']].flat().join(' or ')}${came()}`
    case 'not':
      return `must not ${forbidden(fault.schema)}${came()}`
    case 'contains':
      return `${fault.message ?? 'lacks an item'}, one that fits ${shownValue(fault.schema, maxSchemaBytes)}${came()}`
    default:
      return describeUnion(fault, maxBytes) ?? `${messageOf(fault)}${came()}`
  }
}

function messageOf({ message, keyword }: ValidationError): string {
  return clip(redact(message ?? `breaks "${keyword}"`), maxMessageBytes, () => ' … ').text
}

/** A union of which nothing says what branch was meant; undefined where its message says it all. */
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
  if (branches.every((faults) => faults.every((one) => isMissing(one, instancePath)))) {
    const names = branches.map((faults) => faults.map((one) => `"${one.params['missingProperty']}"`).join(' with '))
    return `${count} of the properties ${joined(names, maxNames, maxBytes)} is required`
  }
  const ways = branches.map((faults) =>
    faults
      .map((one) =>
        one.instancePath === instancePath ? whatIsWrong(one, maxBytes) : describeValidationError(one, maxBytes),
      )
      .join(' and '),
  )
  return `fix one of these: ${joined([...new Set(ways)], maxNames, maxBytes - besideList, '; or ')}`
}

function isMissing({ keyword, instancePath }: ValidationError, path: string): boolean {
  return keyword === 'required' && instancePath === path
}

/** The names of a union whose branches ask for nothing but properties. */
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
  return `fit ${shownValue(schema, maxSchemaBytes)}`
}

function suggestProperty(name: string, { parentSchema, data }: ValidationError): string {
  const properties = Object.keys(parentSchema?.['properties'] ?? {})
  const meant = closest(
    name,
    properties.filter((property) => !isObject(data) || !Object.hasOwn(data, property)),
  )
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return properties.length > 0 ? `; known: ${joined(properties, maxNames, maxNamesBytes)}` : ''
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

function listOf(values: unknown, most: number, maxBytes: number): string {
  if (!Array.isArray(values)) return String(values)
  return joined(values.slice(0, most).map(received), most, maxBytes, ', ', values.length)
}

/** As many of the texts as there is room for, the first in any case, and how many more there are. */
function joined(texts: readonly string[], most: number, maxBytes: number, by = ', ', total = texts.length): string {
  let shown = texts[0] ?? ''
  let count = 1
  for (const text of texts.slice(1, most)) {
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
