import { isObject, type UnknownObject } from '../../router/json/json.ts'
import { ConfigError, type ConfigErrorCode } from '../errors.ts'

interface IntegerOptions {
  /** Largest value that can be true. */
  readonly max: number
  /** Smallest value; 1 if absent. */
  readonly min?: number
}

/** Reads the members of a `config.json`. `null` counts as absent. Every error names the path of the member. */
export interface ConfigMembers {
  /** The value of a member; `undefined` if it is absent. */
  value(name: string): unknown
  /** A member that is an object; `undefined` if it is absent. */
  member(name: string): ConfigMembers | undefined
  /** A member that is true or false; `undefined` if it is absent. */
  flag(name: string): boolean | undefined
  /** The first of several members that is present, which must be an integer in the range. */
  optional(names: readonly string[], options: IntegerOptions): number | undefined
  /** The same, with a fallback; without one the member is required. */
  integer(names: readonly string[], options: IntegerOptions & { readonly fallback?: number }): number
  /** The same members, with defaults for absent ones. */
  withDefaults(defaults: UnknownObject): ConfigMembers
  /** An error about a member. `message` follows its path. */
  problem(name: string, message: string, code?: ConfigErrorCode): ConfigError
}

/**
 * A reader for the members of a document.
 *
 * @param at path of the document, for messages.
 */
export function configMembers(document: UnknownObject, at: string): ConfigMembers {
  const value = (name: string): unknown => (Object.hasOwn(document, name) ? (document[name] ?? undefined) : undefined)
  const problem = (name: string, message: string, code: ConfigErrorCode = 'invalid_model_config') =>
    new ConfigError(`${at}.${name} ${message}`, { code, field: `${at}.${name}` })
  const wrongType = (name: string, expected: string) =>
    problem(name, `is ${shown(value(name))}, but it must be ${expected}.`)
  const optional: ConfigMembers['optional'] = (names, { max, min = 1 }) => {
    const name = names.find((one) => value(one) !== undefined)
    if (name === undefined) return undefined
    const found = value(name)
    if (typeof found === 'number' && Number.isInteger(found) && found >= min && found <= max) return found
    throw wrongType(name, `an integer from ${min} to ${max}`)
  }
  return {
    value,
    problem,
    optional,
    member(name) {
      const found = value(name)
      if (found === undefined) return undefined
      if (!isObject(found)) throw wrongType(name, 'an object')
      return configMembers(found, `${at}.${name}`)
    },
    flag(name) {
      const found = value(name)
      if (found === undefined || typeof found === 'boolean') return found
      throw wrongType(name, 'true or false')
    },
    integer(names, options) {
      const found = optional(names, options) ?? options.fallback
      if (found !== undefined) return found
      throw problem(
        names[0] ?? '',
        'is missing. Pass the whole config.json of the model, as it is in its repository or local folder.',
      )
    },
    withDefaults: (defaults) => configMembers({ ...defaults, ...withoutNulls(document) }, at),
  }
}

/** A value in a message. JSON has no NaN, which it shows as null. */
function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : String(JSON.stringify(value)).slice(0, 60)
}

function withoutNulls(document: UnknownObject): UnknownObject {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null))
}
