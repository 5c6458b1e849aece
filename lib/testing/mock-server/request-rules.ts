import { isObject } from '../../../router/json/json.ts'
import { objectsOf } from './request.ts'

/** Gives MiniMax's text after `invalid params, ` where the value of a field is refused. Texts are assumed. */
type FieldCheck = (value: unknown, body: Fields) => string | undefined

const any: FieldCheck = () => undefined

const boolean: FieldCheck = (value) => (typeof value === 'boolean' ? undefined : mismatch('bool', value))

/** The range in which all documents agree: older ones leave 0 out, and what is above 1. */
const share =
  (field: string): FieldCheck =>
  (value) => {
    if (typeof value !== 'number') return mismatch('float64', value)
    return value > 0 && value <= 1 ? undefined : `${field} must be in (0, 1]`
  }

const tokens =
  (field: string): FieldCheck =>
  (value, { model }) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return mismatch('int64', value)
    if (value < 1) return `${field} must be at least 1`
    const limit = limitsOf(String(model))?.outputTokens ?? Number.POSITIVE_INFINITY
    return value > limit ? `model[${model}] does not support max tokens > ${limit}` : undefined // this one was measured
  }

const oneOf =
  (field: string, ...values: readonly unknown[]): FieldCheck =>
  (value) =>
    values.includes(value)
      ? undefined
      : `invalid ${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`

const thinking: FieldCheck = (value) => {
  if (!isObject(value)) return mismatch('open_platform_oai.ThinkingConfig', value) // measured
  return oneOf('thinking type', 'adaptive', 'disabled')(value['type'], value)
}

const streamOptions: FieldCheck = (value) => {
  if (!isObject(value)) return mismatch('open_platform_oai.StreamOptions', value)
  const stranger = Object.keys(value).find((name) => name !== 'include_usage')
  if (stranger !== undefined) return unknownField(stranger)
  return 'include_usage' in value ? boolean(value['include_usage'], value) : undefined
}

/** One document has it, for one model of the older API. */
const responseFormat: FieldCheck = (_value, { model }) =>
  /^minimax-text-01$/i.test(String(model)) ? undefined : unknownField('response_format')

/** What is documented, and with which values. The lists have rules of their own. */
const fields: ReadonlyMap<string, FieldCheck> = new Map([
  ['model', any],
  ['messages', any],
  ['tools', any],
  ['tool_choice', oneOf('tool_choice', 'none', 'auto')],
  ['max_completion_tokens', tokens('max_completion_tokens')],
  ['max_tokens', tokens('max_tokens')],
  ['temperature', share('temperature')],
  ['top_p', share('top_p')],
  ['stream', boolean],
  ['stream_options', streamOptions],
  ['thinking', thinking],
  ['reasoning_split', boolean],
  ['service_tier', oneOf('service_tier', 'standard', 'priority')],
  ['response_format', responseFormat],
])

/** What is wrong with the fields of a request, one by one. */
export function fieldFault(body: Fields): string | undefined {
  return Object.entries(body)
    .map(([name, value]) => {
      const check = fields.get(name)
      if (check === undefined) return unknownField(name)
      return value === null && check !== any ? nullField : check(value, body)
    })
    .find(isText)
}

/** What is wrong with the declared tools. */
export function toolsFault(tools: unknown): string | undefined {
  if (tools === null) return nullField
  if (Array.isArray(tools) && tools.length === 0) return 'Failed to fetch tools: Not yet implemented'
  const declared = objectsOf(tools)
  return declared.map(toolTypeFault).find(isText) ?? declared.map(definitionFault).find(isText)
}

export function toolTypeFault({ type }: Fields): string | undefined {
  return type === 'function' ? undefined : `invalid tool type: ${type ?? ''}`.trimEnd()
}

export const nameless = 'function name or parameters is empty'

const documented: ReadonlySet<string> = new Set(['type', 'function', 'name', 'description', 'parameters'])

function definitionFault(tool: Fields): string | undefined {
  const { function: definition } = tool
  if (!isObject(definition) || typeof definition['name'] !== 'string' || definition['name'] === '') return nameless
  const { parameters, description } = definition
  if (parameters === undefined || parameters === null) return 'function parameters is empty'
  // `strict: null` was reported as refused; the other texts are assumed.
  const stranger = [...Object.keys(tool), ...Object.keys(definition)].find((name) => !documented.has(name))
  if (stranger !== undefined) return unknownField(stranger)
  if (description !== undefined && typeof description !== 'string') return mismatch('string', description)
  return isObject(parameters) ? undefined : mismatch('open_platform_oai.FunctionParameters', parameters)
}

export type Fields = { readonly [key: string]: unknown }

/** A 2013 message as MiniMax words it. */
export function refusal(fault: string): string {
  return `invalid params, ${fault} (2013)`
}

/** The server is written in Go and names types in Go's way. */
export function mismatch(type: string, value: unknown): string {
  const names: Readonly<Record<string, string>> = { boolean: 'bool', object: 'object' }
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : (names[typeof value] ?? typeof value)
  return `Mismatch type ${type} with value ${kind}`
}

/** Seen as a warning beside a success; here it refuses: nobody knows what a field does that is not documented. */
function unknownField(name: string): string {
  return `json: unknown field "${name}"`
}

/** One report says so of fields that are null. */
const nullField = 'invalid chat setting'

export function isText(value: string | undefined): value is string {
  return value !== undefined
}

interface ModelLimits {
  /** Largest prompt, in tokens. */
  readonly contextTokens: number
  /** Largest `max_completion_tokens`. */
  readonly outputTokens: number
}

const million: ModelLimits = { contextTokens: 1_000_000, outputTokens: 524_288 }
const m2: ModelLimits = { contextTokens: 204_800, outputTokens: 204_800 }

/**
 * The models of MiniMax's OpenAI-compatible endpoint with their documented limits, by lower-cased name.
 * `MiniMax-Text-01` and `MiniMax-M1` are the ones of the older native endpoint.
 */
const models: ReadonlyMap<string, ModelLimits> = new Map([
  ['minimax-m3', million],
  ['minimax-m3.1-flash', million],
  ['minimax-m3.1-flash-preview', million],
  ...['2.7', '2.5', '2.1'].flatMap((version): [string, ModelLimits][] => [
    [`minimax-m${version}`, m2],
    [`minimax-m${version}-highspeed`, m2],
  ]),
  ['minimax-m2', m2],
  ['minimax-m1', { contextTokens: 1_000_000, outputTokens: 40_000 }],
  ['minimax-text-01', { contextTokens: 1_000_000, outputTokens: 8_192 }],
])

/** Looks a model up without regard to case, as the server seems to: it echoes unknown names lower-cased. */
export function limitsOf(model: string): ModelLimits | undefined {
  return models.get(model.toLowerCase())
}
