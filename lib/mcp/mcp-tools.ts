import { hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { defineTool } from '../../router/define-tool.ts'
import { errorMessage, InvalidOptionError } from '../../router/errors.ts'
import { isObject, isPlain, type UnknownObject } from '../../router/json/json.ts'
import { maxTimerMs } from '../../router/on-abort.ts'
import type { ObjectSchema } from '../../router/schema-object.ts'
import { suggestName } from '../../router/text/closest.ts'
import { onOneLine, visibleText } from '../../router/text/on-one-line.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import type { Tool, ToolAnnotations } from '../../router/tool.ts'
import {
  anyResult,
  type CallLimits,
  callTool,
  checkClient,
  clientMarginMs,
  type McpClient,
  type McpProgress,
  McpToolsError,
  type RequestOptions,
  type UsableClient,
} from './call-tool.ts'
import { localSchema } from './local-schema.ts'

/** Kind of a {@link McpWarning}. */
export type McpWarningKind =
  /** The tool cannot be used, so it is not in the list. */
  | 'tool_left_out'
  /** The tool is in the list. Its results are not validated, because its output schema cannot be used. */
  | 'output_schema_ignored'
  /** The server has more tools than are read. */
  | 'list_cut'

/** Something about a server's tools that `mcpTools` could not use. */
export interface McpWarning {
  /** Kind of the problem. */
  readonly kind: McpWarningKind
  /** Name of the tool on the server, at most 128 characters, without invisible characters. */
  readonly tool?: string
  /** Explanation for people. */
  readonly message: string
}

/** Options of {@link mcpTools}. */
export interface McpToolsOptions {
  /**
   * Put before the name of each tool, such as `github_`, so that tools of several servers do not collide. 1 to 32 of the
   * characters `a-z`, `A-Z`, `0-9`, `_`, `-`. @defaultValue none
   */
  readonly prefix?: string
  /**
   * Whether the server's annotations are believed. A server that lies with `readOnlyHint: true` has its tool called from text
   * of the model, and again after a crash. Set this for your own servers only. Otherwise every tool counts as one
   * that can change things. @defaultValue false
   */
  readonly trustAnnotations?: boolean
  /** Longest duration of one call, and of reading the list, in milliseconds. Progress does not extend it. @defaultValue 60000 */
  readonly timeoutMs?: number
  /** Longest time without a progress notification during a call, in milliseconds. @defaultValue none */
  readonly idleTimeoutMs?: number
  /** Largest number of tools that are read. @defaultValue 128 */
  readonly maxTools?: number
  /** Largest result in bytes. A longer text is clipped; longer structured content is an error. @defaultValue 1048576 */
  readonly maxResultBytes?: number
  /** Whether a tool that cannot be used is left out, or `mcpTools` rejects. @defaultValue 'leave_out' */
  readonly badTools?: 'leave_out' | 'refuse'
  /** Called for each tool that is left out or limited. @defaultValue nothing is reported */
  readonly onWarning?: (warning: McpWarning) => void
  /**
   * Called for each progress notification of a call. Without it and `idleTimeoutMs`, servers are not asked for progress.
   * @defaultValue nothing is reported
   */
  readonly onProgress?: (progress: McpProgress) => void
  /** Aborts reading the list. Calls have the signal of their run. @defaultValue never aborted */
  readonly signal?: AbortSignal
}

/**
 * Turns the tools of an MCP server into tools for `runLoop`.
 *
 * The list is a snapshot. When the server changes its tools (`notifications/tools/list_changed`), call `mcpTools` again for
 * the next run. A call of a tool that the server no longer has is an error result. Calls use the client, so keep it
 * connected. A cancelled run and a timeout send `notifications/cancelled`. Each call has its idempotency key in `_meta`, as
 * `tenrounds/call_id`.
 *
 * Names, descriptions and results of a server are a stranger's text that your model reads. Connect only servers that may see
 * what the model sees, and that may ask it for calls of your other tools.
 *
 * @param client a connected client of `@modelcontextprotocol/client` 2.x or `@modelcontextprotocol/sdk` 1.x.
 * @throws {InvalidOptionError} for a client that is not connected, or a wrong option.
 * @throws {McpToolsError} `mcp_list_failed`, or `mcp_tool_refused` with `badTools: 'refuse'`.
 *
 * @example
 * const client = new Client({ name: 'my-agent', version: '1.0.0' })
 * await client.connect(new StdioClientTransport({ command: 'npx', args: ['some-mcp-server'] }))
 * const run = await runLoop({ model: minimax(), tools: await mcpTools(client), prompt })
 */
export async function mcpTools(client: McpClient, options: McpToolsOptions = {}): Promise<readonly Tool[]> {
  const usable: unknown = client
  checkClient(usable)
  checkOptions(options)
  const reporter = new Reporter(options)
  const listed = await listTools(usable, options, reporter)
  const names = assignNames(listed, options.prefix ?? '')
  const tools: Tool[] = []
  let bytesLeft = maxListBytes
  for (const one of listed) {
    await setImmediate() // compiling many schemas must not block the process
    const made = toTool(usable, one, names.get(one), options)
    if (made.kind === 'unusable') {
      reporter.report('tool_left_out', made.problem, one.remoteName)
      continue
    }
    if (made.bytes > bytesLeft) {
      reporter.report('tool_left_out', `it does not fit into the ${maxListBytes} bytes of all tools`, one.remoteName)
      continue
    }
    bytesLeft -= made.bytes
    if (made.ignored !== undefined) reporter.report('output_schema_ignored', made.ignored, one.remoteName)
    tools.push(made.tool)
  }
  return tools
}

/** Bytes of all descriptions and schemas together. They are part of every request to the model. */
const maxListBytes = 262_144
const defaultTimeoutMs = 60_000
const defaultMaxTools = 128
const defaultMaxResultBytes = 1_048_576

const positive = ['a positive whole number', (value: unknown) => Number.isInteger(value) && Number(value) > 0] as const
const callback = ['a function', (value: unknown) => typeof value === 'function'] as const

const expectations: Readonly<
  Record<keyof McpToolsOptions, readonly [expected: string, test: (value: unknown) => boolean]>
> = {
  prefix: [
    '1 to 32 of the characters a-z, A-Z, 0-9, "_" and "-"',
    (value) => typeof value === 'string' && /^[a-zA-Z0-9_-]{1,32}$/.test(value),
  ],
  trustAnnotations: ['true or false', (value) => typeof value === 'boolean'],
  timeoutMs: positive,
  idleTimeoutMs: positive,
  maxTools: positive,
  maxResultBytes: positive,
  badTools: ["'leave_out' or 'refuse'", (value) => value === 'leave_out' || value === 'refuse'],
  onWarning: callback,
  onProgress: callback,
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
}

function checkOptions(options: unknown): void {
  if (!isObject(options) || !isPlain(options)) {
    throw new InvalidOptionError(`The options of mcpTools are ${describeOption(options)}; they must be a plain object.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const found = Object.entries(expectations).find(([known]) => known === name)
    if (found === undefined) {
      const hint = suggestName(name, Object.keys(expectations), 'The options are')
      throw new InvalidOptionError(`${name} is not an option of mcpTools. ${hint}`)
    }
    const [, [expected, test]] = found
    if (value !== undefined && !test(value)) {
      throw new InvalidOptionError(`${name} is ${describeOption(value)}; it must be ${expected}.`)
    }
  }
}

/** Reports what cannot be used. A listener that throws harms nothing. */
class Reporter {
  readonly #options: McpToolsOptions

  constructor(options: McpToolsOptions) {
    this.#options = options
  }

  /** @throws {McpToolsError} for a tool that cannot be used completely, with `badTools: 'refuse'`. */
  report(kind: McpWarningKind, problem: string, remoteName?: string): void {
    const tool = remoteName === undefined ? undefined : visibleText(onOneLine(remoteName.slice(0, 256)), 128)
    const subject = tool === undefined ? 'The list of tools' : `MCP tool ${JSON.stringify(tool)}`
    const message = `${subject}: ${visibleText(problem, 500).replace(/\.$/, '')}.`
    if (this.#options.badTools === 'refuse' && kind !== 'list_cut') throw new McpToolsError('mcp_tool_refused', message)
    try {
      this.#options.onWarning?.({ kind, message, ...(tool === undefined ? {} : { tool }) })
    } catch {
      // The caller's own mistake; the tools can be used.
    }
  }
}

/** A tool as the server described it. */
interface ListedTool {
  readonly remoteName: string
  readonly definition: UnknownObject
}

/** Most pages of a list that are read. */
const maxPages = 100

/** Reads the pages of the list, until it is complete or a limit is reached. */
async function listTools(
  client: UsableClient,
  { timeoutMs = defaultTimeoutMs, maxTools = defaultMaxTools, signal }: McpToolsOptions,
  reporter: Reporter,
): Promise<readonly ListedTool[]> {
  const capabilities = client.getServerCapabilities()
  if (!isObject(capabilities) || capabilities['tools'] === undefined) return []
  const ms = Math.min(timeoutMs, maxTimerMs)
  const timeout = AbortSignal.timeout(ms)
  const request = {
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    timeout: Math.min(ms + clientMarginMs, maxTimerMs),
  }
  const reasonOf = (error: unknown) =>
    timeout.aborted ? `it took longer than ${ms} ms (timeoutMs).` : visibleText(errorMessage(error), 500)
  const listed = new Map<string, ListedTool>()
  const cursors = new Set<string>()
  let read = 0
  let cursor: string | undefined
  do {
    const page = await requestPage(client, cursor, request, reasonOf)
    for (const definition of page.tools) {
      if (++read > maxTools) {
        reporter.report('list_cut', `only the first ${maxTools} tools are used (maxTools)`)
        return [...listed.values()]
      }
      const remoteName: unknown = isObject(definition) ? definition['name'] : undefined
      if (!isObject(definition) || typeof remoteName !== 'string' || remoteName === '') {
        reporter.report('tool_left_out', 'it has no name', '')
      } else if (listed.has(remoteName)) {
        reporter.report('tool_left_out', 'the list has another tool with the same name', remoteName)
      } else listed.set(remoteName, { remoteName, definition })
    }
    cursor = page.next
    if (cursor !== undefined && (cursors.has(cursor) || cursors.size === maxPages)) {
      reporter.report('list_cut', cursors.has(cursor) ? 'the pages repeat' : `only ${maxPages} pages are read`)
      break
    }
    if (cursor !== undefined) cursors.add(cursor)
  } while (cursor !== undefined)
  return [...listed.values()]
}

async function requestPage(
  client: UsableClient,
  cursor: string | undefined,
  options: RequestOptions,
  reasonOf: (error: unknown) => string,
): Promise<{ readonly tools: readonly unknown[]; readonly next: string | undefined }> {
  let page: unknown
  try {
    page = await client.request(
      { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
      anyResult,
      options,
    )
  } catch (error) {
    const message = `The list of tools of the MCP server was not read: ${reasonOf(error)}`
    throw new McpToolsError('mcp_list_failed', message, { cause: error })
  }
  if (!isObject(page) || !Array.isArray(page['tools'])) {
    throw new McpToolsError('mcp_list_failed', 'The MCP server answered tools/list without a list of tools.')
  }
  const next = page['nextCursor']
  return { tools: page['tools'], next: typeof next === 'string' && next !== '' ? next : undefined }
}

/** Longest name that servers of models accept. */
const maxNameLength = 64

/**
 * The names for the model. A name of allowed characters is kept. Another one is mapped, and gets a part of its hash if it is
 * not unique or too long then. The order of the list makes no difference, so a resumed run finds the same names.
 */
function assignNames(listed: readonly ListedTool[], prefix: string): ReadonlyMap<ListedTool, string> {
  const mapped = listed.map((tool) => [tool, prefix + tool.remoteName.replace(/[^a-zA-Z0-9_-]/g, '_')] as const)
  const counts = new Map<string, number>()
  for (const [, name] of mapped) counts.set(name, (counts.get(name) ?? 0) + 1)
  const names = new Map<ListedTool, string>()
  const taken = new Set<string>()
  for (const isChanged of [false, true]) {
    for (const [tool, name] of mapped) {
      const needsHash = name.length > maxNameLength || (counts.get(name) !== 1 && name !== prefix + tool.remoteName)
      const final = needsHash
        ? `${name.slice(0, maxNameLength - 9)}_${hash('sha256', tool.remoteName).slice(0, 8)}`
        : name
      if (needsHash !== isChanged || taken.has(final)) continue
      taken.add(final)
      names.set(tool, final)
    }
  }
  return names
}

type Made =
  | {
      readonly kind: 'usable'
      readonly tool: Tool
      /** Size of what the model sees. */
      readonly bytes: number
      /** Why the output schema is ignored. */
      readonly ignored?: string
    }
  | { readonly kind: 'unusable'; readonly problem: string }

/** Longest description of a tool, in characters. */
const maxDescriptionLength = 2_048

function toTool(
  client: UsableClient,
  { remoteName, definition }: ListedTool,
  name: string | undefined,
  options: McpToolsOptions,
): Made {
  if (name === undefined) return { kind: 'unusable', problem: 'another tool gets the same name' }
  const { execution, inputSchema, outputSchema } = definition
  if (isObject(execution) && execution['taskSupport'] === 'required') {
    return { kind: 'unusable', problem: 'it can only be called as a task, which is not supported' }
  }
  const input = localSchema(isObject(inputSchema) ? { type: 'object', ...inputSchema } : inputSchema)
  if (input.kind === 'unusable') return { kind: 'unusable', problem: `inputSchema ${input.problem}` }
  if (!isObjectSchema(input.schema)) return { kind: 'unusable', problem: 'inputSchema/type is not "object"' }
  const output = outputSchema === undefined ? undefined : localSchema(outputSchema)
  const remote = { name, remoteName, inputSchema, isStructured: output?.kind === 'usable' }
  const limits: CallLimits = {
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    maxResultBytes: options.maxResultBytes ?? defaultMaxResultBytes,
    ...(options.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: options.idleTimeoutMs }),
  }
  try {
    const tool: Tool = defineTool({
      name,
      ...textsOf(definition, remoteName),
      inputSchema: input.schema,
      ...(output?.kind === 'usable' ? { outputSchema: output.schema } : {}),
      annotations: options.trustAnnotations === true ? annotationsOf(definition) : {},
      timeoutMs: limits.timeoutMs,
      execute: (value: unknown, context) => callTool(client, remote, value, context, limits, options.onProgress),
    })
    const bytes = tool.description.length + JSON.stringify(tool.inputSchema).length
    return output?.kind === 'unusable'
      ? { kind: 'usable', tool, bytes, ignored: `outputSchema ${output.problem}, so results are not validated` }
      : { kind: 'usable', tool, bytes }
  } catch (error) {
    return { kind: 'unusable', problem: errorMessage(error) }
  }
}

function isObjectSchema(schema: UnknownObject): schema is UnknownObject & ObjectSchema {
  return schema['type'] === 'object'
}

function textsOf(
  { title, description, annotations }: UnknownObject,
  remoteName: string,
): { readonly title?: string; readonly description: string } {
  const named = title ?? (isObject(annotations) ? annotations['title'] : undefined)
  const shown = typeof named === 'string' ? visibleText(onOneLine(named.slice(0, 400)), 200) : ''
  const text = typeof description === 'string' ? visibleText(description, maxDescriptionLength) : ''
  const fallback = shown === '' ? visibleText(onOneLine(remoteName), 128) : shown
  return { description: text === '' ? fallback : text, ...(shown === '' ? {} : { title: shown }) }
}

const hints = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const

function annotationsOf({ annotations }: UnknownObject): ToolAnnotations {
  if (!isObject(annotations)) return {}
  return Object.fromEntries(
    hints.flatMap((hint) => (typeof annotations[hint] === 'boolean' ? [[hint, annotations[hint]]] : [])),
  )
}
