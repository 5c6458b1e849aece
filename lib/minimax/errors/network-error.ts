import { ModelError, type ModelErrorCode } from '../../loop/errors.ts'
import { ProxyError } from '../proxy.ts'

/** The server had closed a kept-alive connection before the request arrived. Nothing was processed. */
export class StaleConnectionError extends ModelError {
  constructor(host: string) {
    super(`${host} had closed the idle connection before the request arrived.`, { code: 'network', retryable: true })
  }
}

interface Failure {
  readonly code: ModelErrorCode
  readonly retryable: boolean
  /** Predicate of the message, whose subject is the endpoint or the proxy. */
  readonly words: string
  /** Next step, if the failure is the endpoint's. */
  readonly advice?: string
}

const network = (words: string, advice?: string): Failure => ({
  code: 'network',
  retryable: true,
  words,
  ...(advice === undefined ? {} : { advice }),
})
const oversize: Failure = {
  code: 'protocol',
  retryable: false,
  words: 'sent a response larger than maxResponseBytes',
}
const untrusted: Failure = {
  code: 'network',
  retryable: false,
  words: 'has a certificate that is not trusted',
  advice: 'with a company proxy that inspects https, set NODE_EXTRA_CA_CERTS',
}
const noHttp: Failure = {
  code: 'protocol',
  retryable: false,
  words: 'answers with something that is not HTTP',
  advice: 'check scheme and port of the URL',
}
const noTls: Failure = { ...noHttp, words: 'does not speak TLS' }
const broken = network('broke the connection before the response was complete')

const failures: ReadonlyMap<string, Failure> = new Map([
  ['ECONNREFUSED', network('refuses connections', 'is the URL right and the server up?')],
  ['ENOTFOUND', network('is not known to DNS', 'check the URL and the network')],
  ['EAI_AGAIN', network('could not be looked up', 'check the network')],
  ['EHOSTUNREACH', network('cannot be reached', 'check the network')],
  ['ENETUNREACH', network('cannot be reached', 'check the network')],
  ['UND_ERR_CONNECT_TIMEOUT', network('did not accept the connection in time')],
  ['UND_ERR_HEADERS_TIMEOUT', network('did not answer in time')],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', oversize],
  ['ERR_SSL_WRONG_VERSION_NUMBER', noTls],
])

/**
 * Describes an error of undici, the system or the proxy in plain words. The original message is dropped, because it may
 * quote headers.
 *
 * @returns a `ModelError`. Other errors are returned unchanged: they are already described, or they are bugs.
 */
export function networkError(error: unknown, url: URL): unknown {
  if (error instanceof ProxyError) return proxyError(error, url)
  const systemCode = networkCode(error)
  if (systemCode === undefined) return error
  const { code, retryable, words, advice } = failureOf(error, systemCode)
  return new ModelError(`${url.host} ${words}${advice === undefined ? '' : `; ${advice}`} (${systemCode}).`, {
    code,
    retryable,
  })
}

/**
 * Whether the connection was closed while a request was in progress. On a kept-alive connection this usually means that
 * the server had closed it while it was idle.
 */
export function isClosedConnection(error: unknown): boolean {
  const code = networkCode(error)
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

function proxyError({ proxy, status, cause }: ProxyError, endpoint: URL): ModelError {
  const name = `The proxy ${proxy.url.host} of ${proxy.variable}`
  if (status === undefined) {
    const code = networkCode(cause) ?? 'no answer'
    const { retryable, words } = failureOf(cause, code)
    return new ModelError(`${name} ${words}; check ${proxy.variable} (${code}).`, { code: 'network', retryable })
  }
  if (status === 407) {
    const message = `${name} requires credentials; add a user and a password to ${proxy.variable} (407).`
    return new ModelError(message, { code: 'configuration', retryable: false })
  }
  return status < 500
    ? new ModelError(`${name} does not allow connections to ${endpoint.host} (${status}).`, {
        code: 'configuration',
        retryable: false,
      })
    : new ModelError(`${name} could not reach ${endpoint.host} (${status}).`, { code: 'network', retryable: true })
}

/** The failure for an error and its code. Unknown codes count as a broken connection. */
function failureOf(error: unknown, code: string): Failure {
  // The very first line is not HTTP. Parser errors further on mean a damaged response.
  if (isParserError(error) && error.message.includes('Expected HTTP/')) return noHttp
  return failures.get(code) ?? (isUntrusted.test(code) ? untrusted : broken)
}

const isUntrusted = /CERT|ISSUER/
/** Codes of the system, of TLS and of Node's HTTP parser, as opposed to codes for wrong use of a function. */
const isSystemCode = /^(?:E(?!RR_)[A-Z0-9_]+$|ERR_(?:TLS|SSL|STREAM)_|HPE_)|CERT|ISSUER/
const isMisuse = /^UND_ERR_(?:INVALID|NOT_SUPPORTED|REQ_)/

function networkCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return networkCode(error.errors[0])
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (isParserError(error)) return code ?? 'HPE'
  if (code === undefined) return undefined
  const isNetworkError = code.startsWith('UND_ERR_') ? !isMisuse.test(code) : isSystemCode.test(code)
  return isNetworkError ? code : undefined
}

/** Errors of undici are recognised by name and code, because undici is loaded only when it is needed. */
function isParserError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'HTTPParserError'
}
