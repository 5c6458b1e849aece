import { excerpt } from '../../router/clip.ts'
import { isPlain } from '../../router/json.ts'

/** The value of a wrong option, as far as it can be shown in a line: a text may be a token in the wrong place. */
export function shownOption(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) {
    return isPlain(value) ? 'an object' : `an object of the class ${value.constructor?.name}`
  }
  if (typeof value === 'string') return JSON.stringify(excerpt(value, 40))
  return typeof value === 'function' ? 'a function' : String(value)
}
