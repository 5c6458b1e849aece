import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, gunzipSync } from 'node:zlib'
import { errorMessage } from '../../router/errors.ts'
import { withoutTerminalCodes } from '../logs/terminal-codes.ts'
import type { FolderFile } from './find-files.ts'

// Reads files as text: UTF-8 or UTF-16, plain or gzip. Files are read in pieces, so a large log needs little memory.

/** Most bytes of text that are read from one log. Of a larger plain file the start and the end are read. */
const maxTextBytes = 512 * 2 ** 20
/** Share of {@link maxTextBytes} for the start, which shows how the engine was started. The incident is at the end. */
const startShare = 1 / 8
/** Longest line of a file in characters: docker's JSON has up to 16 KiB of text, each character of which can be escaped. */
const maxLineLength = 2 ** 17
/** A gzip file that expands to more than this many times its size is not a log. */
const maxExpansion = 300
/** Bytes that are read before {@link maxExpansion} counts. */
const freeBytes = 32 * 2 ** 20

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'

/** Text of a document, and what was left out of it. */
interface DocumentText {
  /** Whole lines, the last one with a line end. */
  readonly text: string
  /** Whether the file itself ends with a line end. A file that was cut off does not. */
  readonly isComplete: boolean
  /** Whether all of the file was read. */
  readonly isWhole: boolean
  /** One sentence each. */
  readonly problems: readonly string[]
}

/** The first characters of a file; `undefined` if the file is binary. */
export function headText({ head }: FolderFile): string | undefined {
  const bytes = isGzip(head) ? gunzipStart(head) : head
  if (bytes === undefined) return undefined
  const encoding = encodingOf(bytes)
  const text = new TextDecoder(encoding).decode(bytes)
  return isBinary(text) ? undefined : withoutTerminalCodes(clean(text))
}

/** Starts of archives and compressed files that are not read. */
const archives: readonly (readonly [name: string, offset: number, bytes: readonly number[]])[] = [
  ['zip', 0, [0x50, 0x4b, 0x03, 0x04]],
  ['zstd', 0, [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', 0, [0x42, 0x5a, 0x68]],
  ['tar', 257, [0x75, 0x73, 0x74, 0x61, 0x72]],
]

/** The name of the archive or compression of a file, if it is one that is not read. */
export function archiveOf({ head }: FolderFile): string | undefined {
  const bytes = isGzip(head) ? gunzipStart(head) : head
  return archives.find(([, offset, magic]) => magic.every((byte, index) => bytes?.[offset + index] === byte))?.[0]
}

/** The whole text of a document. @param maxBytes most bytes of text; the rest is left out. */
export async function wholeText(file: FolderFile, maxBytes: number): Promise<DocumentText> {
  const lines: string[] = []
  const read = await readLines(file, (line) => lines.push(line), { maxBytes, maxLine: maxBytes })
  return { ...read, text: `${lines.join('\n')}\n` }
}

/** Limits of {@link readLines}. */
interface ReadLimits {
  /** Most bytes of text. @defaultValue {@link maxTextBytes} */
  readonly maxBytes?: number
  /** Longest line in characters. @defaultValue {@link maxLineLength} */
  readonly maxLine?: number
}

/**
 * Reads the lines of a file in pieces.
 *
 * @param take gets each line, without its line end.
 * @returns what the text of a document has besides its text.
 */
export async function readLines(
  file: FolderFile,
  take: (line: string) => void,
  { maxBytes = maxTextBytes, maxLine = maxLineLength }: ReadLimits = {},
): Promise<Omit<DocumentText, 'text'>> {
  const problems: string[] = []
  const gzip = isGzip(file.head)
  const encoding = encodingOf((gzip ? gunzipStart(file.head) : file.head) ?? file.head)
  const parts = gzip ? [{ from: 0, to: file.size }] : partsOf(file.size, maxBytes)
  const [first, last = first] = parts
  if (first !== last && first !== undefined && last !== undefined) {
    const [start, end] = [first.to, last.to - last.from].map(mib)
    problems.push(`Only its first ${start} MiB and its last ${end} MiB of ${mib(file.size)} MiB were read.`)
  }
  let shortened = 0
  let zeros = 0
  let isComplete = true
  const takeLine = (line: string) => {
    let text = line.endsWith('\r') ? line.slice(0, -1) : line
    if (text.length > maxLine) {
      text = text.slice(0, maxLine)
      shortened++
    }
    if (text.includes('\0')) {
      zeros++
      text = clean(text)
    }
    take(text)
  }
  for (const { from, to } of parts) {
    const decoder = new TextDecoder(encoding)
    // The end is fixed, so that a file that grows while it is read gives what it had at first.
    const stream = createReadStream(file.path, { start: from, end: to - 1, highWaterMark: 2 ** 20 })
    let bytes = 0
    let rest = ''
    // The first line of a later part begins in its middle.
    let isCut = from > 0
    try {
      for await (const chunk of unpacked(stream, gzip)) {
        bytes += chunk.length
        if (gzip && bytes > freeBytes && bytes > maxExpansion * file.size) {
          problems.push(
            `It expands to more than ${maxExpansion} times its size, so only its first ${mib(bytes)} MiB were read.`,
          )
          break
        }
        if (bytes > maxBytes + 2 ** 20) {
          problems.push(`Only the first ${mib(maxBytes)} MiB of its text were read.`)
          break
        }
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        // A file without line ends must not fill the memory.
        if (rest.length > maxLine) rest = rest.slice(0, maxLine + 1)
        for (const line of lines) {
          if (!isCut) takeLine(line)
          isCut = false
        }
      }
    } catch (error) {
      problems.push(`It could be read only in part: ${errorMessage(error)}.`)
    } finally {
      stream.destroy()
    }
    rest += decoder.decode()
    isComplete = rest === ''
    // The last line of an earlier part ends in its middle.
    if (rest !== '' && !isCut && to === file.size) takeLine(rest)
  }
  const isWhole = problems.length === 0
  if (shortened > 0) problems.push(cutLines(shortened, maxLine))
  if (zeros > 0) problems.push(`NUL characters were removed from ${zeros === 1 ? '1 line' : `${zeros} lines`}.`)
  return { problems, isComplete, isWhole }
}

/** Says that lines were cut. */
export function cutLines(count: number, length: number): string {
  const are = count === 1 ? '1 line is longer' : `${count} lines are longer`
  return `${are} than ${length} characters and ${count === 1 ? 'was' : 'were'} cut.`
}

/** The parts of a plain file that are read. Offsets are even, because UTF-16 has two bytes per unit. */
function partsOf(size: number, maxBytes: number): readonly { readonly from: number; readonly to: number }[] {
  if (size <= maxBytes) return [{ from: 0, to: size }]
  const start = 2 * Math.floor((maxBytes * startShare) / 2)
  const end = size - (maxBytes - start)
  return [
    { from: 0, to: start },
    { from: end - (end % 2), to: size },
  ]
}

function unpacked(stream: Readable, gzip: boolean): AsyncIterable<Uint8Array> {
  if (!gzip) return stream
  const unzip = createGunzip({ chunkSize: 2 ** 18 })
  stream.on('error', (error) => unzip.destroy(error))
  return stream.pipe(unzip)
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** The text at the start of a gzip file; `undefined` if it is damaged. */
function gunzipStart(head: Uint8Array): Uint8Array | undefined {
  try {
    // The head ends in the middle of the data.
    return gunzipSync(head, { finishFlush: 2, maxOutputLength: 64 * 2 ** 20 }).subarray(0, 64 * 1024)
  } catch {
    return undefined
  }
}

/** The encoding by its byte order mark; without one, UTF-16 is recognised by its zeros, because logs are mostly ASCII. */
function encodingOf(bytes: Uint8Array): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  const sample = bytes.subarray(0, 2_000)
  const zeros = [0, 0]
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros
  if (odd > sample.length / 5 && even === 0) return 'utf-16le'
  return even > sample.length / 5 && odd === 0 ? 'utf-16be' : 'utf-8'
}

/** Whether more than a tenth of the characters are neither text nor NUL, or more than half are NUL. */
function isBinary(text: string): boolean {
  const sample = text.slice(0, 4_000)
  let odd = 0
  let zeros = 0
  for (const character of sample) {
    const code = character.charCodeAt(0)
    if (code === 0) zeros++
    else if (code === 0xfffd || (code < 32 && code !== 9 && code !== 10 && code !== 13 && code !== 27)) odd++
  }
  return odd > sample.length / 10 || zeros > sample.length / 2
}

function clean(text: string): string {
  return text.replaceAll('\0', '')
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
