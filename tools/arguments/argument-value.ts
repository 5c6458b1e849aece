import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { isObject, parseJson, type UnknownObject, unparsable } from '../../router/json/json.ts'
import type { ArgumentRange, EngineArgument } from './argument-table.ts'
import { wrongPromptLimit } from './prompt-limits.ts'
import { wrongSpeculativeConfig } from './speculative-config.ts'

/** A value that vLLM accepts, or the reason why it does not. */
export type ReadValue =
  | {
      /** The value with its own type: `8000` of `8k`. `null` means the default. */
      readonly value: EngineArgumentValue
    }
  | {
      /** The problem, without the name of the argument: `expected integer, got 1.5`. */
      readonly problem: string
      /** vLLM's own message. */
      readonly reason: string
    }

/**
 * Reads the value of an argument as vLLM's command line does: a number may be a text, a size may have a suffix (`8k` is
 * 8000, `8K` is 8192), a text must be one of the choices, and a number must be within its range.
 */
export function readArgumentValue(argument: EngineArgument, value: Exclude<EngineArgumentValue, null>): ReadValue {
  if (argument.isOptional && (value === '' || value === 'None')) return { value: null }
  if (argument.isList) return readList(argument, value)
  const typed = readTyped(argument, value)
  if ('problem' in typed) {
    // The parser reads this number as text, and the configuration checks it.
    return argument.name === 'optimization_level' ? { ...typed, reason: choiceError(argument, String(value)) } : typed
  }
  if (argument.choices.length > 0 && !argument.choices.includes(String(typed.value))) {
    return notAChoice(argument, String(typed.value))
  }
  return typeof typed.value === 'number' ? (outOfRange(argument, typed.value) ?? typed) : typed
}

/** Several values are one text with spaces between them. vLLM checks their ranges with code of its own. */
function readList(argument: EngineArgument, value: Exclude<EngineArgumentValue, null>): ReadValue {
  if (value === true) return noValue(argument)
  const parts = argument.type === 'integer' ? String(value).trim().split(/\s+/) : []
  for (const part of parts) {
    const read = readTyped(argument, part)
    if ('problem' in read) return read
  }
  return { value }
}

function readTyped(argument: EngineArgument, value: Exclude<EngineArgumentValue, null>): ReadValue {
  const { type } = argument
  if (type === 'boolean' || type === 'flag') {
    if (typeof value === 'boolean') return { value }
    return { problem: `expected boolean, got ${JSON.stringify(value)}`, reason: ignoredValue(argument, value) }
  }
  if (value === true) return noValue(argument)
  switch (type) {
    case 'integer':
      return integer(argument, value, wholeNumber)
    case 'size':
      return integer(argument, value, readSize)
    case 'size_or_auto':
      return isAuto(value) ? { value: 'auto' } : integer(argument, value, readSize)
    case 'number': {
      const read = typeof value === 'string' ? readFloat(value.trim()) : value
      return typeof read === 'number' ? { value: read } : wrongType(argument, 'number', value)
    }
    case 'json':
      return readObject(argument, value)
    case 'string':
    case 'json_or_string':
      return typeof value === 'string' ? { value } : wrongType(argument, 'string', value)
  }
}

/** vLLM reads `auto` in any case, and -1 as `auto`. */
function isAuto(value: EngineArgumentValue): boolean {
  return value === -1 || (typeof value === 'string' && /^(?:auto|-1)$/i.test(value.trim()))
}

function readObject(argument: EngineArgument, value: Exclude<EngineArgumentValue, null>): ReadValue {
  // The short form `-O3` of older versions.
  if (argument.aliases.includes('-O') && /^[0-3]$/.test(String(value))) return { value: String(value) }
  if (typeof value !== 'string') return wrongType(argument, 'string', value)
  const read = parseJson(value)
  if (isObject(read)) {
    const reason = wrongMember(argument.name, read)
    return reason === undefined ? { value } : { problem: `${reason}. Got ${JSON.stringify(value)}`, reason }
  }
  if (read === null) return { value: null }
  return {
    problem: `expected a JSON object as text, e.g. "{"image": 2}", got ${JSON.stringify(value)}`,
    reason:
      read === unparsable
        ? parserError(argument, `Value ${value} cannot be converted to <function loads>.`)
        : `${argument.name}: Input should be a valid dictionary`,
  }
}

/** vLLM's message about a member of a JSON object; undefined if it accepts all members. */
function wrongMember(name: string, members: UnknownObject): string | undefined {
  switch (name) {
    case 'limit_mm_per_prompt':
      return wrongPromptLimit(members)
    case 'speculative_config':
      return wrongSpeculativeConfig(members)
    default:
      return undefined
  }
}

/** A JSON number has no type of its own for integers, so an integer is a number without a fraction. */
function integer(
  argument: EngineArgument,
  value: Exclude<EngineArgumentValue, null>,
  read: (text: string) => number | undefined,
): ReadValue {
  const found = typeof value === 'string' ? read(value.trim()) : value
  if (typeof found === 'number' && Number.isInteger(found)) return { value: found }
  const binary = typeof value === 'string' ? /^(\d+\.\d+)([KMGT])$/.exec(value.trim()) : null
  if (binary === null || argument.type === 'integer') return wrongType(argument, 'integer', value)
  const [, digits, suffix = ''] = binary
  const reason = `Decimals are not allowed with binary suffixes like ${suffix}. Did you mean to use ${digits}${suffix.toLowerCase()} instead?`
  return { problem: `${reason} Got ${JSON.stringify(value)}`, reason: parserError(argument, reason) }
}

/** The digits of Python's `int`, which may have single underscores between them. */
function wholeNumber(text: string): number | undefined {
  return /^[+-]?\d+(?:_\d+)*$/.test(text) ? Number(text.replaceAll('_', '')) : undefined
}

const multipliers: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['m', 1e6],
  ['g', 1e9],
  ['t', 1e12],
  ['K', 2 ** 10],
  ['M', 2 ** 20],
  ['G', 2 ** 30],
  ['T', 2 ** 40],
])

/** A number with a suffix, as vLLM's `human_readable_int` reads it: small letters are decimal, capital ones binary. */
function readSize(text: string): number | undefined {
  const [, digits, suffix = ''] = /^(\d+(?:\.\d+)?)([kKmMgGtT])$/.exec(text) ?? []
  const multiplier = multipliers.get(suffix)
  if (digits === undefined || multiplier === undefined) return wholeNumber(text)
  const isBinary = suffix === suffix.toUpperCase()
  return isBinary && digits.includes('.') ? undefined : Math.floor(Number(digits) * multiplier)
}

/** A number as Python's `float` reads it: digits may have single underscores between them, and `inf` and `nan` count. */
function readFloat(text: string): number | undefined {
  if (/^[+-]?(?:inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (/^[+-]?nan$/i.test(text)) return Number.NaN
  const digits = String.raw`\d+(?:_\d+)*`
  const isNumber = new RegExp(`^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[+-]?${digits})?$`, 'i').test(
    text,
  )
  return isNumber ? Number(text.replaceAll('_', '')) : undefined
}

const pythonTypes = { integer: 'int', number: 'float', string: 'str' } as const

function wrongType(argument: EngineArgument, type: keyof typeof pythonTypes, value: EngineArgumentValue): ReadValue {
  const isSize = argument.type.startsWith('size')
  const python = isSize ? `human_readable_int${argument.type.slice(4)}` : pythonTypes[type]
  const reason = argument.isOptional
    ? `Value ${value} cannot be converted to <${isSize ? 'function' : 'class'} ${isSize ? python : `'${python}'`}>.`
    : `invalid ${python} value: '${value}'`
  return {
    problem: `expected ${type}${isSize ? ' or a size such as "8k"' : ''}, got ${JSON.stringify(value)}`,
    reason: parserError(argument, reason),
  }
}

/** A flag without its value. */
function noValue(argument: EngineArgument): ReadValue {
  return {
    problem: 'expected a value, got true',
    reason: parserError(argument, `expected ${argument.isList ? 'at least one' : 'one'} argument`),
  }
}

/** vLLM's message about a switch that has a value, as in `--enforce-eager=true`. */
export function ignoredValue(argument: EngineArgument, value: EngineArgumentValue): string {
  return parserError(argument, `ignored explicit argument '${value}'`)
}

function notAChoice(argument: EngineArgument, value: string): ReadValue {
  const problem = `expected one of ${argument.choices.join(', ')}, got ${JSON.stringify(value)}`
  return { problem, reason: choiceError(argument, value) }
}

/** The parser knows most choices. Some are only known to the configuration, which has other words. */
function choiceError(argument: EngineArgument, value: string): string {
  const { name, choices } = argument
  const list = choices.map((choice) => quoted(argument, choice)).join(', ')
  const none = argument.isOptional ? ', None' : ''
  switch (name) {
    case 'optimization_level':
      return `${name}: Input should be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
    case 'quantization':
      return `Unknown quantization method: ${value}. Must be one of [${list}].`
    default:
      return parserError(argument, `invalid choice: ${quoted(argument, value)} (choose from ${list}${none})`)
  }
}

/** A value as Python prints it. */
function quoted({ type }: EngineArgument, value: string): string {
  return type === 'integer' ? value : `'${value}'`
}

/** The message of vLLM's argument parser, which names all flags of an argument. */
function parserError({ name, aliases, type }: EngineArgument, message: string): string {
  const flags = [`--${name.replaceAll('_', '-')}`, ...aliases]
  const all = type === 'boolean' ? flags.flatMap((flag) => [flag, ...negationOf(flag)]) : flags
  return `vllm serve: error: argument ${all.join('/')}: ${message}`
}

function negationOf(flag: string): readonly string[] {
  return flag.startsWith('--') ? [`--no-${flag.slice(2)}`] : []
}

/** pydantic's words for the members of a range. */
const rangeWords = {
  ge: 'greater than or equal to',
  gt: 'greater than',
  le: 'less than or equal to',
  lt: 'less than',
} as const

function outOfRange({ name, range }: EngineArgument, value: number): ReadValue | undefined {
  // The order of pydantic decides which limit a value that is not a number exceeds.
  for (const key of ['le', 'lt', 'ge', 'gt'] as const) {
    const limit = range[key]
    if (limit === undefined || isWithin(key, value, limit)) continue
    return {
      problem: `expected ${rangeText(range)}, got ${value}`,
      reason: `${name}: Input should be ${rangeWords[key]} ${limit}`,
    }
  }
  if (Number.isFinite(value)) return undefined
  // No argument has infinitely many bytes or tokens: the engine fails when it computes with the value.
  const reason = `cannot convert float ${Number.isNaN(value) ? 'NaN' : 'infinity'} to integer`
  return { problem: `expected a finite number, got ${value}`, reason }
}

function isWithin(key: keyof ArgumentRange, value: number, limit: number): boolean {
  switch (key) {
    case 'ge':
      return value >= limit
    case 'gt':
      return value > limit
    case 'le':
      return value <= limit
    case 'lt':
      return value < limit
  }
}

/** A range in words: `1 to 2147483647`, `at least 1`, `more than 0 and at most 1`. */
export function rangeText({ ge, gt, le, lt }: ArgumentRange): string {
  if (ge !== undefined && le !== undefined) return `${ge} to ${le}`
  const lower = ge === undefined ? (gt === undefined ? [] : [`more than ${gt}`]) : [`at least ${ge}`]
  const upper = le === undefined ? (lt === undefined ? [] : [`less than ${lt}`]) : [`at most ${le}`]
  return [...lower, ...upper].join(' and ')
}
