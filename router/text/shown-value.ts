import { isObject, isPlain, isPlainJson } from '../json/json.ts'
import { excerpt, margin } from './clip.ts'
import { secretWords } from './named-secrets.ts'
import { redactDeep } from './redact.ts'

const namesSecret = new RegExp(secretWords, 'i')

/**
 * A value as JSON for an error message or a record, with secrets masked.
 *
 * @param maxBytes longest result. If nothing of a longer value can be shown, its type and size are returned.
 */
export function shownValue(value: unknown, maxBytes: number): string {
  try {
    const json = JSON.stringify(value)
    if (json === undefined) return 'nothing'
    // Values may have many megabytes. Only the names in the shown part matter.
    const hasSecret = namesSecret.test(json.slice(0, maxBytes + margin))
    const shown = excerpt(hasSecret ? JSON.stringify(redactDeep(asJson(value, json))) : json, maxBytes)
    return json.length > maxBytes && shown.length < minShownLength ? sizeOf(value) : shown
  } catch {
    return 'a value that JSON cannot represent'
  }
}

/** The value of a wrong option or field for an error message: short JSON with secrets masked, or its class or type. */
export function describeOption(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value)
  if (typeof value === 'bigint') return `${excerpt(String(value), 80)}n`
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  const isInstance = isObject(value) && !isPlain(value)
  return isInstance ? `an object of the class ${value.constructor.name}` : shownValue(value, 80)
}

/** A text as it is, or any other value as JSON: the form for records and for messages about what a model wrote. */
export function textOrJson(value: unknown, maxBytes: number): string {
  return typeof value === 'string' ? excerpt(value, maxBytes) : shownValue(value, maxBytes)
}

/** The value that a JSON text was made of if it is plain JSON, otherwise the parsed text. */
function asJson(value: unknown, json: string): unknown {
  return isPlainJson(value) ? value : JSON.parse(json)
}

/** A text without blanks may be one secret, so nothing of it is shown. Only brackets or quotes remain. */
const minShownLength = 8

function sizeOf(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (Array.isArray(value)) return `an array of length ${value.length}`
  const count = Object.keys(value ?? {}).length
  return `an object with ${count} ${count === 1 ? 'member' : 'members'}`
}
