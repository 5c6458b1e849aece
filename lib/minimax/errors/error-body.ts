import { isObject, isTooDeep, parseJson, type UnknownObject, unparsable } from '../../../router/json/json.ts'
import { jsonSpans } from '../../../router/json/json-scan.ts'

/** The content of an error body, from all layers that gateways wrap around the error of the provider. */
export interface ErrorDetails {
  /** The messages of the layers, from the outermost to the innermost. Layers without a message are left out. */
  readonly messages: readonly string[]
  /** The values of `code` and `status_code`, from the outermost to the innermost. */
  readonly codes: readonly string[]
  /** The values of `type`, from the outermost to the innermost. */
  readonly types: readonly string[]
  /** The HTTP status that the error itself names. MiniMax writes it as a string. */
  readonly httpCode?: string
}

/** Number of layers that are followed: each gateway wraps the error of the next one once. */
const maxWrappings = 5

/**
 * The document of a body that reports an error: one with `error`, with a `base_resp` whose code is not 0, or with the
 * type `error`. It may be in a list.
 *
 * @param isError whether the HTTP status is an error. Then any document is taken as the error.
 */
export function errorDocument(body: unknown, isError: boolean): UnknownObject | undefined {
  const documents = (Array.isArray(body) ? body : [body]).filter(isObject)
  return documents.find(carriesError) ?? (isError ? documents[0] : undefined)
}

/**
 * Reads an error document. Gateways wrap the provider's error, as an object, a list, or JSON in a string, under `error`,
 * `message`, `detail` or `metadata.raw`. The innermost layer says what happened.
 */
export function readErrorDocument(document: UnknownObject): ErrorDetails {
  const layers = layersOf(document, 0)
  const httpCode = layers.findLast((layer) => layer.httpCode !== '')?.httpCode
  const valuesOf = (field: keyof Layer) => layers.map((layer) => layer[field]).filter((value) => value !== '')
  return {
    messages: valuesOf('message'),
    codes: valuesOf('code'),
    types: valuesOf('type'),
    ...(httpCode === undefined ? {} : { httpCode }),
  }
}

/** The JSON documents of a whole body: the body itself, or the data of its server-sent events. */
export function documentsIn(body: string): readonly unknown[] {
  const whole = parseJson(body)
  if (whole !== unparsable) return [whole]
  return [...body.matchAll(/^data:(.*)$/gm)]
    .map(([, data = '']) => parseJson(data))
    .filter((value) => value !== unparsable)
}

/** An empty `error` does not count: some servers write one into every response. */
function carriesError(document: UnknownObject): boolean {
  return (
    !isBlank(document['error']) ||
    isFailed(document['base_resp']) ||
    document['object'] === 'error' ||
    document['type'] === 'error' ||
    // The content of `base_resp` without the object around it.
    (/^\d{4,5}$/.test(textOf(document['status_code'])) && !Array.isArray(document['choices']))
  )
}

function isBlank(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.trim() === ''
  if (typeof value !== 'object' || value === null) return !value
  return depth < 4 && Object.values(value).every((member) => isBlank(member, depth + 1))
}

/** Only the code decides: the message of a successful response may be a warning. */
function isFailed(value: unknown): value is UnknownObject {
  return isObject(value) && codeOf(value['status_code']) !== ''
}

/** One layer of an error. Missing values are empty. */
interface Layer {
  readonly message: string
  readonly code: string
  readonly type: string
  readonly httpCode: string
}

function layersOf(value: unknown, depth: number): readonly Layer[] {
  if (depth > maxWrappings) return []
  if (typeof value === 'string') {
    return [{ ...noLayer, message: value.trim() }, ...layersOf(jsonIn(value), depth + 1)]
  }
  if (Array.isArray(value)) return layersOf(value.find(isObject), depth)
  if (!isObject(value)) return []
  const said = firstText(value, ['message', 'msg', 'status_msg', 'error_msg', 'error_message', 'error_description'])
  const message = said === '' ? said : positionOf(value, said) + said
  const layer = {
    message,
    code: codeOf(value['code']) || codeOf(value['status_code']),
    type: textOf(value['type']),
    httpCode: textOf(value['http_code']),
  }
  return [layer, ...innerOf(value, message).flatMap((inner) => layersOf(inner, depth + 1))]
}

/** The field that the error is about, if its message does not name it. OpenAI has it in `param`, FastAPI in `loc`. */
function positionOf({ loc, param }: UnknownObject, message: string): string {
  const field = Array.isArray(loc) ? loc.map(textOf).join('.') : textOf(param)
  return field === '' || (!Array.isArray(loc) && message.includes(field)) ? '' : `${field}: `
}

const noLayer: Layer = { message: '', code: '', type: '', httpCode: '' }

/** The members that may contain a further layer. The most likely one comes last. */
function innerOf(
  { error, errors, detail, metadata, message: said, base_resp: base }: UnknownObject,
  message: string,
): readonly unknown[] {
  return [
    jsonIn(message),
    textOf(said) === '' ? listOrLayer(said) : undefined,
    // `"error": "Unauthorized"` next to a message is only its title.
    ...(typeof error === 'string' && message !== '' ? [jsonIn(error)] : []),
    listOrLayer(detail),
    errors,
    isObject(metadata) ? metadata['raw'] : undefined,
    ...(typeof error === 'string' && message !== '' ? [] : [error]),
    isFailed(base) ? base : undefined,
  ]
}

/** A list of validation errors says more than its first item, so it is shown as a whole. */
function listOrLayer(value: unknown): unknown {
  return Array.isArray(value) && !isTooDeep(value) ? JSON.stringify(value) : value
}

function firstText(fields: UnknownObject, names: readonly string[]): string {
  return names.map((name) => textOf(fields[name])).find((text) => text !== '') ?? ''
}

function codeOf(value: unknown): string {
  const text = textOf(value)
  return text === '0' ? '' : text
}

function textOf(value: unknown): string {
  // NestJS has a list of texts as the message.
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join('; ').trim()
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''
}

/**
 * The last JSON object or list in a text, which may have a prefix such as "litellm.APIConnectionError: Call {model} failed:".
 * `undefined` if the text contains neither.
 */
function jsonIn(text: string): unknown {
  const span = jsonSpans(text).findLast(({ isPart }) => !isPart)
  const value = span === undefined ? unparsable : parseJson(text.slice(span.start, span.end))
  return value === unparsable ? undefined : value
}
