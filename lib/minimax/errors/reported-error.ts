import { isObject, isTooDeep } from '../../../router/json/json.ts'

/** What a body says of an error, through all the wrappings of gateways. */
export interface ReportedError {
  /** The words of each layer that has some, from the outermost in. */
  readonly messages: readonly string[]
  /** What the layers call it: the values of `code`, `status_code` and `type`, from the outermost in. */
  readonly codes: readonly string[]
  readonly types: readonly string[]
  /** The status that the error itself names; MiniMax writes it as a string. */
  readonly httpCode?: string
}

export type Fields = { readonly [field: string]: unknown }

/** How deep gateways are followed: each wraps the error of the next once. */
const maxWrappings = 5

/**
 * The document of a body that reports an error: one with `error`, with a `base_resp` whose code is not 0, or that calls
 * itself an error. Where the status says already that it is one (`isError`), any will do. Some come in a list.
 */
export function errorDocument(body: unknown, isError: boolean): Fields | undefined {
  const documents = (Array.isArray(body) ? body : [body]).filter(isObject)
  return documents.find(carriesError) ?? (isError ? documents[0] : undefined)
}

/**
 * What an error document says. Gateways wrap the provider's error, as an object, a list, or JSON in a string, under
 * `error`, `message`, `detail` or `metadata.raw`: the innermost one says what happened.
 */
export function reportedError(document: Fields): ReportedError {
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

/** An empty `error` is none: some servers write one into every answer. */
function carriesError(document: Fields): boolean {
  return (
    !isBlank(document['error']) ||
    isFailed(document['base_resp']) ||
    document['object'] === 'error' ||
    document['type'] === 'error' ||
    // A `base_resp` without its envelope.
    (/^\d{4,5}$/.test(textOf(document['status_code'])) && !Array.isArray(document['choices']))
  )
}

function isBlank(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.trim() === ''
  if (typeof value !== 'object' || value === null) return !value
  return depth < 4 && Object.values(value).every((member) => isBlank(member, depth + 1))
}

/** The code decides, never the message: a successful answer may carry a warning there. */
function isFailed(value: unknown): value is Fields {
  return isObject(value) && codeOf(value['status_code']) !== ''
}

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
  // FastAPI says where beside what.
  const where = Array.isArray(value['loc']) && said !== '' ? `${value['loc'].map(textOf).join('.')}: ` : ''
  const message = where + said
  const layer = {
    message,
    code: codeOf(value['code']) || codeOf(value['status_code']),
    type: textOf(value['type']),
    httpCode: textOf(value['http_code']),
  }
  return [layer, ...innerOf(value, message).flatMap((inner) => layersOf(inner, depth + 1))]
}

const noLayer: Layer = { message: '', code: '', type: '', httpCode: '' }

/** What may hold a further error, the likeliest last. */
function innerOf({ error, errors, detail, metadata, base_resp: base }: Fields, message: string): readonly unknown[] {
  return [
    jsonIn(message),
    // "error": "Unauthorized" beside a message is but its title.
    ...(typeof error === 'string' && message !== '' ? [jsonIn(error)] : []),
    // A list of faults says more as a whole than its first one.
    Array.isArray(detail) && !isTooDeep(detail) ? JSON.stringify(detail) : detail,
    errors,
    isObject(metadata) ? metadata['raw'] : undefined,
    ...(typeof error === 'string' && message !== '' ? [] : [error]),
    isFailed(base) ? base : undefined,
  ]
}

function firstText(fields: Fields, names: readonly string[]): string {
  return names.map((name) => textOf(fields[name])).find((text) => text !== '') ?? ''
}

function codeOf(value: unknown): string {
  const text = textOf(value)
  return text === '0' ? '' : text
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''
}

/** Braces before the JSON itself, as in "Call {model} failed: {…}". */
const mostBeginnings = 8

/**
 * The JSON object or list in a text, possibly behind a prefix such as "litellm.APIConnectionError: MinimaxException - {…}";
 * undefined where there is none.
 */
function jsonIn(text: string): unknown {
  const end = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']')) + 1
  let start = nextBeginning(text, 0)
  for (let count = 0; start !== -1 && start < end && count < mostBeginnings; count++) {
    const value = parse(text.slice(start, end))
    if (isObject(value) || Array.isArray(value)) return value
    start = nextBeginning(text, start + 1)
  }
  return undefined
}

/** The documents of a whole body: itself, or those of its server-sent events. */
export function documentsIn(body: string): readonly unknown[] {
  const whole = parse(body)
  if (whole !== undefined) return [whole]
  return [...body.matchAll(/^data:(.*)$/gm)].map(([, data = '']) => parse(data)).filter((value) => value !== undefined)
}

function nextBeginning(text: string, from: number): number {
  const found = /[{[]/.exec(text.slice(from))
  return found === null ? -1 : from + found.index
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
