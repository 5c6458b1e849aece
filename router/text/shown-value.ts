import { isPlainJson } from '../json/json.ts'
import { excerpt, margin } from './clip.ts'
import { secretWords } from './named-secrets.ts'
import { redactDeep } from './redact.ts'

const namesSecret = new RegExp(secretWords, 'i')

/** A value as JSON for an error message or a record: clipped and redacted. */
export function shownValue(value: unknown, maxBytes: number): string {
  try {
    const json = JSON.stringify(value)
    if (json === undefined) return 'nothing'
    // Values of many megabytes come here: the names in what is not shown need not be looked for.
    const hasSecret = namesSecret.test(json.slice(0, maxBytes + margin))
    const shown = excerpt(hasSecret ? JSON.stringify(redactDeep(asJson(value, json))) : json, maxBytes)
    return json.length > maxBytes && shown.length < leastShown ? sizeOf(value) : shown
  } catch {
    return 'a value that JSON cannot carry'
  }
}

/** The value that a JSON text was made of, where it is what the text says; else what the text says. */
function asJson(value: unknown, json: string): unknown {
  return isPlainJson(value) ? value : JSON.parse(json)
}

/** Of a text without blanks nothing is shown, since all of it may be one secret: a bracket or a quote is left. */
const leastShown = 8

function sizeOf(value: unknown): string {
  if (typeof value === 'string') return `a text of ${value.length} characters`
  if (Array.isArray(value)) return `an array of ${value.length}`
  return `an object of ${Object.keys(value ?? {}).length} members`
}
