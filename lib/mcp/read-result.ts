// Turns the result of a tool of an MCP server into JSON of limited size. Nothing that the server sends is trusted.

import { parseExactJson } from '../../router/json/exact-json.ts'
import { isLargerThan, isObject, type UnknownObject } from '../../router/json/json.ts'
import { clip } from '../../router/text/clip.ts'
import { visibleText } from '../../router/text/on-one-line.ts'

/** Result of {@link readResult}. */
export type ReadResult =
  | { readonly kind: 'value'; readonly value: unknown }
  /** The tool failed, or its result cannot be used. `message` is for the model. */
  | { readonly kind: 'problem'; readonly message: string }

/**
 * Reads the result of `tools/call`.
 *
 * @param tool name of the tool, for messages.
 * @param isStructured whether the server promised structured content.
 * @param maxBytes largest result. A longer text is clipped; longer structured content is a problem.
 * @returns the structured content; otherwise the only text, as parsed JSON if it is an object or an array; otherwise a list
 *   of the content blocks. Binary data is described, not returned.
 */
export function readResult(result: unknown, tool: string, isStructured: boolean, maxBytes: number): ReadResult {
  const content: unknown = isObject(result) ? (result['content'] ?? []) : undefined
  if (!isObject(result) || !Array.isArray(content) || !isToolResult(result)) {
    return problem(`The MCP server answered the call of "${tool}" with something that is not a result of a tool.`)
  }
  const { structuredContent, isError } = result
  if (isError === true) return problem(errorText(content, structuredContent))
  if (structuredContent !== undefined) {
    if (!isLargerThan(structuredContent, maxBytes)) return { kind: 'value', value: structuredContent }
    return problem(
      `"${tool}" was executed, but its result is larger than ${maxBytes} bytes or nested too deep. Ask for less.`,
    )
  }
  if (isStructured) {
    return problem(`"${tool}" was executed, but the MCP server did not send the structured result that it promises.`)
  }
  return { kind: 'value', value: readContent(content, maxBytes) }
}

/**
 * Whether an object can be a result of a tool. Newer revisions of MCP have other results, such as a request for more input
 * or a task. They have no content, and must not look like a tool that returned nothing.
 */
function isToolResult({ content, structuredContent, isError, ...others }: UnknownObject): boolean {
  if (content !== undefined || structuredContent !== undefined || isError === true) return true
  return Object.keys(others).every((name) => name === '_meta' || name === 'resultType')
}

function problem(message: string): ReadResult {
  return { kind: 'problem', message }
}

/** More blocks than any tool needs in an error. */
const maxErrorBlocks = 20
/** An error is clipped at 1 KiB afterwards. */
const maxErrorBytes = 4_096

function errorText(content: readonly unknown[], structured: unknown): string {
  const texts = content
    .slice(0, maxErrorBlocks)
    .flatMap((block) =>
      isObject(block) && typeof block['text'] === 'string' ? [visibleText(block['text'], 2_000)] : [],
    )
  if (texts.length > 0) return texts.join('\n')
  const isShown = structured !== undefined && !isLargerThan(structured, maxErrorBytes)
  return isShown ? JSON.stringify(structured) : 'The tool of the MCP server failed without a message.'
}

/** Bytes that a block counts in addition to its text. */
const blockBytes = 64

function readContent(content: readonly unknown[], maxBytes: number): unknown {
  const [first] = content
  if (content.length === 1 && isObject(first) && first['type'] === 'text' && typeof first['text'] === 'string') {
    return readText(first['text'], maxBytes)
  }
  if (content.length === 0) return null
  const blocks: UnknownObject[] = []
  let left = maxBytes
  for (const block of content) {
    const read = isObject(block) ? readBlock(block, Math.max(left, blockBytes)) : { type: 'unknown' }
    left -= blockBytes + JSON.stringify(read).length
    if (left < 0) {
      blocks.push({ type: 'omitted', blocks: content.length - blocks.length, reason: `more than ${maxBytes} bytes` })
      break
    }
    blocks.push(read)
  }
  return blocks
}

/** Many servers write JSON as text. Parsed, later calls can refer to its parts. Rounded numbers would be wrong ids. */
function readText(text: string, maxBytes: number): unknown {
  if (text.length <= maxBytes && /^\s*[[{]/.test(text)) {
    const parsed = parseExactJson(text)
    if (parsed.kind === 'parsed') return parsed.value
  }
  return clipped(text, maxBytes)
}

function clipped(text: string, maxBytes: number): string {
  return clip(text, maxBytes, (left, total) => `\n(… ${left} of ${total} bytes left out …)\n`).text
}

/** Longest name, address or media type of a block, in characters. */
const maxFieldLength = 500

/** A content block as JSON. Images and other binary data become their type and size, because a model cannot read them. */
function readBlock(block: UnknownObject, maxBytes: number): UnknownObject {
  const { type, text, data, mimeType, resource } = block
  switch (type) {
    case 'text':
      return { type, text: typeof text === 'string' ? clipped(text, maxBytes) : '' }
    case 'image':
    case 'audio':
      return { type, ...fields({ mime_type: mimeType }), ...binary(data) }
    case 'resource_link':
      return {
        type,
        ...fields({ uri: block['uri'], name: block['name'], title: block['title'], mime_type: mimeType }),
        ...fields({ description: block['description'] }),
      }
    case 'resource': {
      if (!isObject(resource)) return { type }
      const described = { type, ...fields({ uri: resource['uri'], mime_type: resource['mimeType'] }) }
      return typeof resource['text'] === 'string'
        ? { ...described, text: clipped(resource['text'], maxBytes) }
        : { ...described, ...binary(resource['blob']) }
    }
    default:
      return { type: 'unknown', ...fields({ name: type }) }
  }
}

function fields(values: UnknownObject): UnknownObject {
  const texts = Object.entries(values).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts.map(([name, value]) => [name, visibleText(String(value), maxFieldLength)]))
}

/** The size of base64 data. */
function binary(data: unknown): UnknownObject {
  return typeof data === 'string' ? { bytes: Buffer.byteLength(data, 'base64'), data: 'left out' } : {}
}
