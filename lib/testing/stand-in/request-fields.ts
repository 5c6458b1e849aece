import { isObject } from '../../../router/json.ts'
import { limitsOf } from './models.ts'
import { type Fields, isText, mismatch, nullField, unknownField } from './refusal.ts'

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
