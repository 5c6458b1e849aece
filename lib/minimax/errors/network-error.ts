import { errors } from 'undici'
import { ModelError, type ModelErrorCode } from '../../loop/errors.ts'
import { ProxyError } from '../proxy.ts'

interface Failure {
  readonly code: ModelErrorCode
  readonly retryable: boolean
  /** What the other side did, as a predicate. */
  readonly words: string
  /** What to look at where the other side is the endpoint. */
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
  advice: 'behind a company proxy, set NODE_EXTRA_CA_CERTS',
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
  ['UND_ERR_CONNECT_TIMEOUT', network('did not take the connection in time')],
  ['UND_ERR_HEADERS_TIMEOUT', network('did not answer in time')],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', oversize],
  ['ERR_SSL_WRONG_VERSION_NUMBER', noTls],
])

/**
 * What undici, the system or a proxy failed with, in words; the original message may quote headers, so it is not passed
 * on. Any other error is one in words already, or a mistake in this code, which is no failure of the network: it is
 * returned as it is.
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
 * Whether a connection was closed under a request. On one that was kept alive it means that the server had dropped it
 * while it was idle.
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
    const message = `${name} asks for credentials; add a user and a password to ${proxy.variable} (407).`
    return new ModelError(message, { code: 'configuration', retryable: false })
  }
  return status < 500
    ? new ModelError(`${name} does not let ${endpoint.host} through (${status}).`, {
        code: 'configuration',
        retryable: false,
      })
    : new ModelError(`${name} could not reach ${endpoint.host} (${status}).`, { code: 'network', retryable: true })
}

function failureOf(error: unknown, code: string): Failure {
  // The parser gave up on the very first line: later faults are those of a broken connection.
  if (error instanceof errors.HTTPParserError && error.message.includes('Expected HTTP/')) return noHttp
  return failures.get(code) ?? (isUntrusted.test(code) ? untrusted : broken)
}

const isUntrusted = /CERT|ISSUER/
/** Codes of the system, of TLS and of Node's HTTP parser, as opposed to those of misused functions. */
const isSystemCode = /^(?:E(?!RR_)[A-Z0-9_]+$|ERR_(?:TLS|SSL|STREAM)_|HPE_)|CERT|ISSUER/
const isMisuse = /^UND_ERR_(?:INVALID|NOT_SUPPORTED|REQ_)/

function networkCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return networkCode(error.errors[0])
  if (error instanceof errors.HTTPParserError) return error.code ?? 'HPE'
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  const isNetworks = error instanceof errors.UndiciError ? !isMisuse.test(error.code) : isSystemCode.test(error.code)
  return isNetworks ? error.code : undefined
}
