import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import type { ArgumentRange, EngineArgument } from './argument-table.ts'

/** A value that vLLM accepts, or the reason why it does not. */
export type ReadValue =
  | {
      /** The value with its own type: `8000` of `8k`. */
      readonly value: Exclude<EngineArgumentValue, null>
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
  // Several values are one text here, and vLLM checks each of them with code of its own.
  if (argument.isList) return { value }
  const typed = readTyped(argument, value)
  if ('problem' in typed) return typed
  if (argument.choices.length > 0 && !argument.choices.includes(String(typed.value))) {
    return notAChoice(argument, typed.value)
  }
  return typeof typed.value === 'number' ? (outOfRange(argument, typed.value) ?? typed) : typed
}

function readTyped(argument: EngineArgument, value: Exclude<EngineArgumentValue, null>): ReadValue {
  const { type } = argument
  switch (type) {
    case 'boolean':
    case 'flag':
      return typeof value === 'boolean' ? { value } : wrongType(argument, 'boolean', value)
    case 'integer':
      return integer(argument, value, wholeNumber)
    case 'size':
      return integer(argument, value, readSize)
    case 'size_or_auto':
      return value === 'auto' || value === -1 || value === '-1' ? { value: 'auto' } : integer(argument, value, readSize)
    case 'number': {
      const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
      return typeof read === 'number' && Number.isFinite(read) ? { value: read } : wrongType(argument, 'number', value)
    }
    case 'json':
      if (typeof value === 'string' && isObject(parseJson(value))) return { value }
      // The short form `-O3` of older versions.
      if (argument.aliases.includes('-O') && /^[0-3]$/.test(String(value))) return { value: String(value) }
      if (typeof value !== 'string') return wrongType(argument, 'string', value)
      return {
        problem: `expected a JSON object as text, e.g. "{"image": 2}", got ${JSON.stringify(value)}`,
        reason: parserError(argument, `Value ${value} cannot be converted to <function loads>.`),
      }
    case 'string':
    case 'json_or_string':
      return typeof value === 'string' ? { value } : wrongType(argument, 'string', value)
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
  const binary = typeof value === 'string' ? /^(\d+\.\d+)([KMGT])$/.exec(value) : null
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

const pythonTypes = { boolean: 'bool', integer: 'int', number: 'float', string: 'str' } as const

function wrongType(argument: EngineArgument, type: keyof typeof pythonTypes, value: EngineArgumentValue): ReadValue {
  const python = argument.type.startsWith('size') ? `human_readable_int${argument.type.slice(4)}` : pythonTypes[type]
  const size = argument.type.startsWith('size') ? ' or a size such as "8k"' : ''
  return {
    problem: `expected ${type}${size}, got ${JSON.stringify(value)}`,
    reason: parserError(argument, `invalid ${python} value: '${value}'`),
  }
}

function notAChoice(argument: EngineArgument, value: EngineArgumentValue): ReadValue {
  const problem = `expected one of ${argument.choices.join(', ')}, got ${JSON.stringify(value)}`
  return { problem, reason: choiceError(argument, value) }
}

/** The parser knows most choices. Some are only known to the configuration, which has other words. */
function choiceError(argument: EngineArgument, value: EngineArgumentValue): string {
  const { name, choices } = argument
  const list = choices.map((choice) => quoted(argument, choice)).join(', ')
  switch (name) {
    case 'optimization_level':
      return `${name}: Input should be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
    case 'quantization':
      return `Unknown quantization method: ${value}. Must be one of [${list}].`
    default:
      return parserError(argument, `invalid choice: ${quoted(argument, value)} (choose from ${list})`)
  }
}

/** A value as Python prints it. */
function quoted({ type }: EngineArgument, value: EngineArgumentValue): string {
  return type === 'integer' ? String(value) : `'${value}'`
}

/** The message of vLLM's argument parser, which names all flags of an argument. */
function parserError({ name, aliases }: EngineArgument, message: string): string {
  const flags = [`--${name.replaceAll('_', '-')}`, ...aliases].join('/')
  return `vllm serve: error: argument ${flags}: ${message}`
}

/** pydantic's words for the members of a range. */
const rangeWords = {
  ge: 'greater than or equal to',
  gt: 'greater than',
  le: 'less than or equal to',
  lt: 'less than',
} as const

function outOfRange({ name, range }: EngineArgument, value: number): ReadValue | undefined {
  for (const key of ['ge', 'gt', 'le', 'lt'] as const) {
    const limit = range[key]
    if (limit === undefined || isWithin(key, value, limit)) continue
    return {
      problem: `expected ${rangeText(range)}, got ${value}`,
      reason: `${name}: Input should be ${rangeWords[key]} ${limit}`,
    }
  }
  return undefined
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
