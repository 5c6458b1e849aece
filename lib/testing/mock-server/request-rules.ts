// Rules for single fields of a request: their types, values and limits, as MiniMax documents them in the reference of its
// OpenAI-compatible API. Messages marked as measured were received from MiniMax; the others are written in its style.

import { isObject, type UnknownObject } from '../../../router/json/json.ts'
import { objectsOf } from './request.ts'

/** MiniMax's text after `invalid params, ` if it refuses the value of a field. The texts are assumed. */
type FieldCheck = (value: unknown, body: UnknownObject) => string | undefined

const any: FieldCheck = () => undefined

const boolean: FieldCheck = (value) => (typeof value === 'boolean' ? undefined : mismatch('bool', value))

const numberTo =
  (field: string, max: number): FieldCheck =>
  (value) => {
    if (typeof value !== 'number') return mismatch('float64', value)
    return value >= 0 && value <= max ? undefined : `${field} must be in [0, ${max}]`
  }

/** The range that all of MiniMax's documents allow: older ones exclude 0 and values above 1. */
const share =
  (field: string): FieldCheck =>
  (value) => {
    if (typeof value !== 'number') return mismatch('float64', value)
    return value > 0 && value <= 1 ? undefined : `${field} must be in (0, 1]`
  }

/** Measured: `none` is respected, the others have no certain effect. */
const toolChoice: FieldCheck = (value, body) =>
  isObject(value) ? undefined : oneOf('tool_choice', 'none', 'auto', 'required')(value, body)

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
  const unknown = Object.keys(value).find((name) => name !== 'include_usage')
  if (unknown !== undefined) return unknownField(unknown)
  return 'include_usage' in value ? boolean(value['include_usage'], value) : undefined
}

/** Documented only for one model of the older API. */
const responseFormat: FieldCheck = (_value, { model }) =>
  /^minimax-text-01$/i.test(String(model)) ? undefined : unknownField('response_format')

/** The documented fields and their values. `messages` and `tools` have further rules. */
const documentedFields: ReadonlyMap<string, FieldCheck> = new Map([
  ['model', any],
  ['messages', any],
  ['tools', any],
  ['max_completion_tokens', tokens('max_completion_tokens')],
  ['max_tokens', tokens('max_tokens')],
  ['temperature', numberTo('temperature', 2)],
  ['top_p', numberTo('top_p', 1)],
  ['stream', boolean],
  ['stream_options', streamOptions],
  ['thinking', thinking],
  ['reasoning_split', boolean],
  ['service_tier', oneOf('service_tier', 'standard', 'priority')],
])

/** Fields that the API was measured to accept although its reference does not have them. */
const acceptedFields: ReadonlyMap<string, FieldCheck> = new Map([
  ['tool_choice', toolChoice],
  ...['response_format', 'stop', 'n', 'seed', 'presence_penalty', 'frequency_penalty', 'logprobs', 'reasoning'].map(
    (name): [string, FieldCheck] => [name, any],
  ),
  ['reasoning_effort', any],
  ['parallel_tool_calls', any],
])

/** The narrowest values that any source gives for fields about which sources disagree. */
const contestedFields: ReadonlyMap<string, FieldCheck> = new Map([
  ['temperature', share('temperature')],
  ['top_p', share('top_p')],
  ['tool_choice', oneOf('tool_choice', 'none', 'auto')],
  ['response_format', responseFormat],
])

/** The first refused field of a request. @param strict whether contested rules apply. */
export function fieldError(body: UnknownObject, strict: boolean): string | undefined {
  return Object.entries(body)
    .map(([name, value]) => {
      const check = checkOf(name, strict)
      if (check === undefined) return strict ? unknownField(name) : undefined
      if (value === null && check !== any) return strict ? nullField : undefined
      return check(value, body)
    })
    .find(isText)
}

function checkOf(name: string, strict: boolean): FieldCheck | undefined {
  if (strict) return contestedFields.get(name) ?? documentedFields.get(name)
  return documentedFields.get(name) ?? acceptedFields.get(name)
}

/**
 * MiniMax's warning in the `status_msg` of a successful reply to a request with a field that it does not know. Reported
 * once, for the field `user`; empty without such a field.
 */
export function unknownFieldWarning(body: UnknownObject): string {
  const unknown = Object.keys(body).find((name) => checkOf(name, false) === undefined)
  return unknown === undefined ? '' : `Invalid parameters detected, ${unknownField(unknown)}`
}

/** The first error in the declared tools. @param strict whether contested rules apply. */
export function toolsError(tools: unknown, strict: boolean): string | undefined {
  if (strict && tools === null) return nullField
  if (strict && Array.isArray(tools) && tools.length === 0) return 'Failed to fetch tools: Not yet implemented'
  const declared = objectsOf(tools)
  return declared.map(toolTypeError).find(isText) ?? declared.map((tool) => definitionError(tool, strict)).find(isText)
}

/** Error for a tool or tool call whose type is not `function`. */
export function toolTypeError({ type }: UnknownObject): string | undefined {
  return type === 'function' ? undefined : `invalid tool type: ${type ?? ''}`.trimEnd()
}

/** Error for a tool or tool call without a name. */
export const nameMissing = 'function name or parameters is empty'

const documented: ReadonlySet<string> = new Set(['type', 'function', 'name', 'description', 'parameters'])

function definitionError(tool: UnknownObject, strict: boolean): string | undefined {
  const { function: definition } = tool
  if (!isObject(definition) || typeof definition['name'] !== 'string' || definition['name'] === '') return nameMissing
  const { parameters, description } = definition
  if (parameters === undefined || parameters === null) return 'function parameters is empty'
  // `strict: null` was reported as refused; the other texts are assumed.
  const unknown = [...Object.keys(tool), ...Object.keys(definition)].find((name) => !documented.has(name))
  if (strict && unknown !== undefined) return unknownField(unknown)
  if (description !== undefined && typeof description !== 'string') return mismatch('string', description)
  return isObject(parameters) ? undefined : mismatch('open_platform_oai.FunctionParameters', parameters)
}

/** MiniMax's message with code 2013, invalid parameters. */
export function refusal(reason: string): string {
  return `invalid params, ${reason} (2013)`
}

/** MiniMax's message for a value of the wrong type. The server is written in Go and uses Go's type names. */
export function mismatch(type: string, value: unknown): string {
  const names: Readonly<Record<string, string>> = { boolean: 'bool', object: 'object' }
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : (names[typeof value] ?? typeof value)
  return `Mismatch type ${type} with value ${kind}`
}

/** MiniMax only warns of unknown fields. Strict rules refuse them, because their effect is not documented. */
function unknownField(name: string): string {
  return `json: unknown field "${name}"`
}

/** Reported once, for fields that are null. */
const nullField = 'invalid chat setting'

/** Whether a check found an error. */
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
 * The models of MiniMax's OpenAI-compatible endpoint with their documented limits. `MiniMax-Text-01` and `MiniMax-M1`
 * belong to the older native endpoint.
 */
const models: readonly (readonly [name: string, limits: ModelLimits])[] = [
  ['MiniMax-M3', million],
  ['MiniMax-M3.1-Flash', million],
  ['MiniMax-M3.1-Flash-Preview', million],
  ...['2.7', '2.5', '2.1'].flatMap((version): [string, ModelLimits][] => [
    [`MiniMax-M${version}`, m2],
    [`MiniMax-M${version}-highspeed`, m2],
  ]),
  ['MiniMax-M2', m2],
  ['MiniMax-M1', { contextTokens: 1_000_000, outputTokens: 40_000 }],
  ['MiniMax-Text-01', { contextTokens: 1_000_000, outputTokens: 8_192 }],
]

const limitsByName = new Map(models.map(([name, limits]) => [name.toLowerCase(), limits]))

/** Names of the models that the server knows. */
export const modelNames: readonly string[] = models.map(([name]) => name)

/** The limits of a model. Case does not matter, as on the server, which echoes unknown names in lower case. */
export function limitsOf(model: string): ModelLimits | undefined {
  return limitsByName.get(model.toLowerCase())
}
