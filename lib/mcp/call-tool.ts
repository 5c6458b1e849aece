// The client of an MCP server, as far as it is used here, and calls of the server's tools. Clients of
// `@modelcontextprotocol/client` 2.x and of `@modelcontextprotocol/sdk` 1.x both fit. Requests are sent with `request`,
// because the other methods of these clients compile and evaluate the output schemas of the server, patterns included, and
// refuse a whole list for one bad tool.

import { errorMessage, InvalidOptionError, TenroundsError } from '../../router/errors.ts'
import { isObject, type UnknownObject } from '../../router/json/json.ts'
import { maxTimerMs } from '../../router/on-abort.ts'
import { onOneLine, visibleText } from '../../router/text/on-one-line.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import type { ToolContext } from '../../router/tool.ts'
import { readResult } from './read-result.ts'

/** A connected client of `@modelcontextprotocol/client` 2.x or of `@modelcontextprotocol/sdk` 1.x. */
export interface McpClient {
  /** Sends a request and returns the result of the server. */
  request(request: never, schema: never, options: never): Promise<unknown>
  /** The capabilities of the server; `undefined` before the client is connected. */
  getServerCapabilities(): object | undefined
}

/** Code of a {@link McpToolsError}. */
export type McpToolsErrorCode =
  /** The list of tools could not be read. */
  | 'mcp_list_failed'
  /** A tool of the server cannot be used, and `badTools` is `'refuse'`. */
  | 'mcp_tool_refused'
  /** A call failed. It becomes the result of the call. */
  | 'mcp_call_failed'

/** A failure of an MCP server or of the connection to it. */
export class McpToolsError extends TenroundsError {
  /** Stable identifier of the error. */
  declare readonly code: McpToolsErrorCode

  constructor(code: McpToolsErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** Options of a request, with the names of the official clients. */
export interface RequestOptions {
  /** Aborting it sends `notifications/cancelled`. */
  readonly signal: AbortSignal
  /** Milliseconds after which the client gives up. */
  readonly timeout: number
  /** Receives progress notifications. Without it, the server is not asked to send any. */
  readonly onprogress?: (progress: unknown) => void
}

/** A client whose methods are known to exist. */
export interface UsableClient {
  /** Sends a request. The two clients take the schema in different forms; {@link anyResult} has both. */
  request(request: object, schema: typeof anyResult, options: RequestOptions): Promise<unknown>
  /** Calls a tool. Only the client 2.x takes these arguments. */
  callTool?(parameters: object, options: RequestOptions & { readonly toolDefinition: object }): Promise<unknown>
  /** `modern` for revision 2026-07-28 of MCP. Only the client 2.x has it. */
  getProtocolEra?(): unknown
  /** The capabilities of the server. */
  getServerCapabilities(): object | undefined
  /** The connection; `undefined` when it is closed. */
  readonly transport?: unknown
}

/** A schema that accepts every result, for a client 1.x (`safeParse`) and for a client 2.x (Standard Schema). */
export const anyResult = {
  safeParse: (data: unknown) => ({ success: true, data }),
  '~standard': { version: 1, vendor: 'tenrounds', validate: (value: unknown) => ({ value }) },
} as const

/** @throws {InvalidOptionError} when the value is not a connected client. */
export function checkClient(client: unknown): asserts client is UsableClient {
  const isClient = isObject(client) && isFunction(client['request']) && isFunction(client['getServerCapabilities'])
  if (!isClient) {
    throw new InvalidOptionError(
      `client is ${describeOption(client)}; it must be a Client of @modelcontextprotocol/client or @modelcontextprotocol/sdk.`,
    )
  }
  if (client['transport'] === undefined) {
    throw new InvalidOptionError('client is not connected; call `await client.connect(transport)` first.')
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

/** Whether the connection has revision 2026-07-28 of MCP. */
function isModern(client: UsableClient): boolean {
  return client.getProtocolEra?.() === 'modern'
}

/**
 * Sends `tools/call`. With revision 2026-07-28, some arguments are sent as HTTP headers as well (SEP-2243). Only `callTool`
 * does that. It evaluates no output schema when the definition that it gets has none.
 */
function requestCall(
  client: UsableClient,
  parameters: { readonly name: string } & UnknownObject,
  inputSchema: unknown,
  options: RequestOptions,
): Promise<unknown> {
  if (isModern(client) && client.callTool !== undefined) {
    return client.callTool(parameters, { ...options, toolDefinition: { name: parameters.name, inputSchema } })
  }
  return client.request({ method: 'tools/call', params: parameters }, anyResult, options)
}

/** A progress notification of a call. */
export interface McpProgress {
  /** Name of the tenrounds tool. */
  readonly tool: string
  /** Id of the call, as the tool gets it. */
  readonly callId: string
  /** Progress so far. Its unit is the server's. */
  readonly progress: number
  /** Value of `progress` at the end, if the server knows it. */
  readonly total?: number
  /** Explanation for people, at most 200 characters, without invisible characters. */
  readonly message?: string
}

/** A tool of the server, as far as a call needs to know it. */
export interface RemoteTool {
  /** Name of the tenrounds tool. */
  readonly name: string
  /** Name on the server. */
  readonly remoteName: string
  /** Input schema as the server sent it. */
  readonly inputSchema: unknown
  /** Whether the server promised structured content. */
  readonly isStructured: boolean
}

/** Limits of a call. */
export interface CallLimits {
  /** Longest duration in milliseconds. */
  readonly timeoutMs: number
  /** Longest time without a progress notification, in milliseconds. */
  readonly idleTimeoutMs?: number
  /** Largest result in bytes. */
  readonly maxResultBytes: number
}

/** Name in `_meta` of the idempotency key of a call. */
const callIdKey = 'tenrounds/call_id'
/** Requests end by their signal. The client's own timeout comes later, and is only for a request that was forgotten. */
export const clientMarginMs = 5_000

/**
 * Calls a tool of the server.
 *
 * @returns the value of the result, see {@link readResult}.
 * @throws {McpToolsError} `mcp_call_failed`.
 */
export async function callTool(
  client: UsableClient,
  tool: RemoteTool,
  input: unknown,
  context: ToolContext,
  limits: CallLimits,
  onProgress?: (progress: McpProgress) => void,
): Promise<unknown> {
  if (client.transport === undefined) {
    throw failure(`"${tool.name}" was not called, because the connection to its MCP server is closed.`)
  }
  const watch = new CallWatch(client, tool.name, limits.idleTimeoutMs)
  // A request that the client forgets must not be watched for ever.
  context.signal.addEventListener('abort', () => watch.stop(), { once: true })
  const onprogress = (notification: unknown) => {
    watch.restartIdleTimer()
    report(notification, tool, context, onProgress)
  }
  const options: RequestOptions = {
    signal: AbortSignal.any([context.signal, watch.signal]),
    timeout: Math.min(limits.timeoutMs + clientMarginMs, maxTimerMs),
    ...(onProgress === undefined && limits.idleTimeoutMs === undefined ? {} : { onprogress }),
  }
  const parameters = { name: tool.remoteName, arguments: input, _meta: { [callIdKey]: context.callId } }
  let result: unknown
  try {
    result = await requestCall(client, parameters, tool.inputSchema, options)
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : explained(error, tool, client)
  } finally {
    watch.stop()
  }
  const read = readResult(result, tool.name, tool.isStructured, limits.maxResultBytes)
  if (read.kind === 'problem') throw failure(read.message)
  return read.value
}

function failure(message: string, cause?: unknown): McpToolsError {
  return new McpToolsError('mcp_call_failed', message, { cause })
}

const mayHaveHadItsEffect = 'The call may have had its effect.'

/** Time between two probes of the connection during a call, in milliseconds. */
const probeIntervalMs = 5_000
/** Probes that fail one after the other before the server counts as gone. A connection may fail once. */
const maxFailedProbes = 2

/**
 * Aborts its signal when the server reports no progress for too long, and when it can no longer be reached. Over HTTP, the
 * clients do not notice that a server died during a call: they wait for the result until the timeout.
 */
class CallWatch {
  readonly #controller = new AbortController()
  readonly #client: UsableClient
  readonly #tool: string
  readonly #idleTimeoutMs: number | undefined
  readonly #probes: NodeJS.Timeout
  #idleTimer: NodeJS.Timeout | undefined
  #failedProbes = 0

  constructor(client: UsableClient, tool: string, idleTimeoutMs: number | undefined) {
    this.#client = client
    this.#tool = tool
    this.#idleTimeoutMs = idleTimeoutMs
    this.#probes = setInterval(() => void this.#probe(), probeIntervalMs)
    this.restartIdleTimer()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  restartIdleTimer(): void {
    const timeoutMs = this.#idleTimeoutMs
    if (timeoutMs === undefined) return
    clearTimeout(this.#idleTimer)
    const message = `The MCP server reported no progress of "${this.#tool}" for ${timeoutMs} ms, so the call was cancelled. ${mayHaveHadItsEffect}`
    this.#idleTimer = setTimeout(() => this.#controller.abort(failure(message)), Math.min(timeoutMs, maxTimerMs))
  }

  stop(): void {
    clearTimeout(this.#idleTimer)
    clearInterval(this.#probes)
  }

  /** Only the connection counts: a busy server may be slow to answer. */
  async #probe(): Promise<void> {
    try {
      const options = { signal: this.signal, timeout: probeIntervalMs }
      await this.#client.request({ method: probeMethod(this.#client) }, anyResult, options)
      this.#failedProbes = 0
    } catch (error) {
      if (isUnreachable(error)) this.#failedProbes++
      if (this.#failedProbes < maxFailedProbes) return
      const message = `The MCP server can no longer be reached, so the call of "${this.#tool}" has no result. ${mayHaveHadItsEffect}`
      this.#controller.abort(failure(message, error))
    }
  }
}

/** Revision 2026-07-28 has no `ping`. */
function probeMethod(client: UsableClient): string {
  return isModern(client) ? 'server/discover' : 'ping'
}

/** Whether `fetch` found no server, or a new one that does not know the session (404 in the specification of MCP). */
function isUnreachable(error: unknown): boolean {
  if (error instanceof TypeError) return true
  return error instanceof Error && (Reflect.get(error, 'status') === 404 || Reflect.get(error, 'code') === 404)
}

/** A listener that throws must not fail the call. */
function report(
  notification: unknown,
  tool: RemoteTool,
  { callId }: ToolContext,
  onProgress: ((progress: McpProgress) => void) | undefined,
): void {
  if (onProgress === undefined || !isObject(notification)) return
  const { progress, total, message } = notification
  if (typeof progress !== 'number') return
  try {
    onProgress({
      tool: tool.name,
      callId,
      progress,
      ...(typeof total === 'number' ? { total } : {}),
      ...(typeof message === 'string' ? { message: visibleText(onOneLine(message.slice(0, 400)), 200) } : {}),
    })
  } catch {
    // The caller's own mistake; the call goes on.
  }
}

/** Says what a failed call means for the model. */
function explained(error: unknown, { name }: RemoteTool, client: UsableClient): McpToolsError {
  const reason = visibleText(errorMessage(error), 1_000)
  if (client.transport === undefined || /connection closed/i.test(reason)) {
    const message = `The connection to the MCP server was closed during the call of "${name}". ${mayHaveHadItsEffect}`
    return failure(message)
  }
  const code: unknown = isObject(error) ? error['code'] : undefined
  // Codes of JSON-RPC are negative. HTTP statuses are not, and the codes of the clients themselves are texts.
  if (typeof code === 'number' && code < 0) {
    return failure(`The MCP server answered the call of "${name}" with an error: ${reason} (code ${code}).`)
  }
  const cause = error instanceof Error ? error.cause : undefined
  if (isObject(cause) && cause['code'] === 'ECONNREFUSED') {
    return failure(`"${name}" was not called, because its MCP server cannot be reached: ${reason}`, cause)
  }
  return failure(`The call of "${name}" got no result: ${reason}. ${mayHaveHadItsEffect}`, cause)
}
