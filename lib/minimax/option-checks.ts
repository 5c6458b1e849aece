import { isObject, isPlain } from '../../router/json/json.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { misconfigured } from './endpoint.ts'

/** Throws a `ModelError` that names the option if its value is wrong. It must be cheap: it runs for every model. */
export type Check = (name: string, value: unknown) => void

/**
 * Checks an object of options. An option that is `undefined` counts as not given.
 *
 * @param caller what was called, for messages.
 * @throws {ModelError} `configuration` for an unknown option or a wrong value.
 */
export function checkOptions(caller: string, options: object, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(options) || !isPlain(options)) {
    throw misconfigured(`${caller} was called with ${typeOf(options)}; it takes an object of options.`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      const hint = suggestName(name, Object.keys(checks), 'Its options are')
      throw misconfigured(`${caller} has no option "${name}". ${hint}`)
    }
    if (value !== undefined) checks[name]?.(name, value)
  }
}

/** The type of a value for a message. The value itself may contain a token. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (isObject(value)) return objectOf(value)
  return value === null || value === undefined ? String(value) : `a ${typeof value}`
}

/** Checks the type of a value. @param expected what it must be, for the message. */
export function ofType(type: 'string' | 'boolean' | 'function' | 'object', expected: string): Check {
  return (name, value) => {
    const fits = typeof value === type && value !== null && !Array.isArray(value)
    if (!fits) throw wrongValue(name, value, expected)
  }
}

/** Checks for a whole number of at least `min`. */
export function wholeNumber(min: number): Check {
  return (name, value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return
    throw wrongValue(name, value, `a whole number of at least ${min}`)
  }
}

/** Checks for a number in a range, both ends included. */
export function numberFrom(min: number, max: number): Check {
  return (name, value) => {
    if (typeof value === 'number' && value >= min && value <= max) return
    throw wrongValue(name, value, `a number from ${min} to ${max}`)
  }
}

/** The error for an option with a wrong value. @param expected what it must be. */
export function wrongValue(name: string, value: unknown, expected: string): Error {
  return misconfigured(`The option "${name}" is ${given(name, value)}; it must be ${expected}.`)
}

/** A wrong value for a message. A long string or a member may be a token in the wrong option, so it is not shown. */
function given(name: string, value: unknown): string {
  if (name === 'token') return `of type ${Array.isArray(value) ? 'array' : typeof value}`
  if (typeof value === 'string' && value.length > longestShown) return `a string of ${value.length} characters`
  if (Array.isArray(value)) return 'an array'
  return isObject(value) ? objectOf(value) : describeOption(value)
}

/** An object for a message, without its members. */
function objectOf(value: object): string {
  return isPlain(value) ? 'an object' : describeOption(value)
}

/** Shorter than any token. */
const longestShown = 16
