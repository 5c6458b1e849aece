import { isObject } from '../../router/json.ts'

export interface ReportedError {
  readonly message: string
  readonly code?: string
  /** The status that the error itself names; MiniMax writes it as a string. */
  readonly httpCode?: string
}

/** How deep gateways are followed: each wraps the error of the next once. */
const maxWrappings = 5

/**
 * The error that a body reports: `error`, or a `base_resp` whose code is not 0. Gateways wrap the provider's error, as an
 * object or as JSON in a string, under `error`, `message` or `metadata.raw`: the innermost one says what happened.
 */
export function innermostError(body: unknown): ReportedError | undefined {
  if (!isObject(body)) return undefined
  let found: ReportedError | undefined
  let current: unknown = body
  for (let depth = 0; depth <= maxWrappings; depth++) {
    const reported = reportedBy(current)
    if (reported === undefined) return found
    found = merge(found, reported.error)
    current = reported.inner
  }
  return found
}

interface Layer {
  readonly error: Partial<ReportedError>
  /** What may hold a further error. */
  readonly inner: unknown
}

function reportedBy(value: unknown): Layer | undefined {
  if (!isObject(value)) return undefined
  const { error, base_resp: base } = value
  if (error !== undefined && error !== null && error !== false) return layerOf(error)
  // The code decides, never the message: a successful answer may carry a warning there.
  if (isObject(base) && typeof base['status_code'] === 'number' && base['status_code'] !== 0) {
    return { error: { message: textOf(base['status_msg']), code: String(base['status_code']) }, inner: undefined }
  }
  return undefined
}

function layerOf(error: unknown): Layer {
  if (!isObject(error)) return { error: { message: textOf(error) }, inner: parsed(error) }
  const metadata = isObject(error['metadata']) ? parsed(error['metadata']['raw']) : undefined
  const nested = isObject(error['error']) || typeof error['error'] === 'string' ? error : parsed(error['message'])
  return {
    error: {
      ...(typeof error['message'] === 'string' ? { message: error['message'] } : {}),
      ...codeField('code', error['code']),
      ...codeField('httpCode', error['http_code']),
    },
    inner: nested ?? metadata,
  }
}

function codeField(name: 'code' | 'httpCode', value: unknown): Partial<ReportedError> {
  return typeof value === 'string' || typeof value === 'number' ? { [name]: String(value) } : {}
}

/** The inner error's message counts; where it has no code of its own, the outer one's is kept. */
function merge(outer: ReportedError | undefined, inner: Partial<ReportedError>): ReportedError {
  return { ...outer, ...inner, message: inner.message || outer?.message || '' }
}

/** JSON in a string, possibly behind a prefix such as "litellm.APIConnectionError: MinimaxException - {…}". */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return isObject(value) ? value : undefined
  const start = value.indexOf('{')
  if (start === -1) return undefined
  try {
    return JSON.parse(value.slice(start, value.lastIndexOf('}') + 1))
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
