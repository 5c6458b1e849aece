import { errors } from 'undici'
import { ModelError, type ModelErrorKind } from '../loop/model-error.ts'

const untrusted = [
  'network',
  false,
  'has a certificate that is not trusted; behind a company proxy, set NODE_EXTRA_CA_CERTS',
] as const

const closed = ['configuration', false, 'is not asked: this model was closed; make another one'] as const

const byCode: Readonly<Record<string, readonly [ModelErrorKind, boolean, string]>> = {
  ECONNREFUSED: ['network', true, 'refuses connections; is the URL right and the server up?'],
  ENOTFOUND: ['network', true, 'is not known to DNS; check the URL and the network'],
  EAI_AGAIN: ['network', true, 'could not be looked up; check the network'],
  EHOSTUNREACH: ['network', true, 'cannot be reached; check the network'],
  ENETUNREACH: ['network', true, 'cannot be reached; check the network'],
  UND_ERR_CONNECT_TIMEOUT: ['network', true, 'did not take the connection in time'],
  UND_ERR_ABORTED: ['network', true, 'is not reached through the proxy; check HTTPS_PROXY'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ['protocol', false, 'sent a response larger than maxResponseBytes'],
  UND_ERR_CLOSED: closed,
  UND_ERR_DESTROYED: closed,
  CERT_HAS_EXPIRED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted,
}

/** undici's and Node's codes in words; the original message may quote headers, so it is not passed on. */
export function networkError(error: unknown, url: URL): ModelError {
  if (error instanceof ModelError) return error
  const code = codeOf(error)
  const [kind, retryable, words] = isNoHttp(error)
    ? noHttp
    : ((code === undefined ? undefined : byCode[code]) ?? broken)
  return new ModelError(`${url.host} ${words}${code === undefined ? '' : ` (${code})`}.`, { kind, retryable })
}

const broken = ['network', true, 'broke the connection before the response was complete'] as const
const noHttp = ['protocol', false, 'answers with something that is not HTTP; check scheme and port of the URL'] as const

/** The parser of HTTP gave up on the very first line: later faults are those of a broken connection. */
function isNoHttp(error: unknown): boolean {
  return error instanceof errors.HTTPParserError && error.message.includes('Expected HTTP/')
}

/**
 * Whether a connection was closed under a request. On one that was kept alive it means that the server had dropped it
 * while it was idle.
 */
export function isClosedConnection(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  if (error instanceof errors.UndiciError) return error.code
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return undefined
}
