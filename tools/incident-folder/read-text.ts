import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, gunzipSync } from 'node:zlib'
import { errorMessage } from '../../router/errors.ts'
import type { FolderFile } from './find-files.ts'

// Reads files as text: UTF-8 or UTF-16, plain or gzip. Files are read in pieces, so a large log needs little memory.

/** Most bytes of text that are read from one file. Of a larger plain file the end is read, where the incident is. */
export const maxTextBytes = 512 * 2 ** 20
/** Longest line in characters. The rest of a longer one is left out. */
const maxLineLength = 16_000

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'

/** Lines of a file in pieces, and what was left out of it. */
export interface TextLines {
  /** Calls `take` with each line, without its line end. @returns the problems, one sentence each. */
  readonly forEach: (take: (line: string) => void) => Promise<readonly string[]>
}

/** The first characters of a file; `undefined` if the file is binary. */
export function headText({ head }: FolderFile): string | undefined {
  const bytes = isGzip(head) ? gunzipStart(head) : head
  if (bytes === undefined) return undefined
  const encoding = encodingOf(bytes)
  const text = new TextDecoder(encoding).decode(bytes)
  return isBinary(text) ? undefined : clean(text)
}

/** The lines of a file. */
export function textLines(file: FolderFile): TextLines {
  return { forEach: (take) => readLines(file, take) }
}

/** The whole text of a small file. */
export async function wholeText(
  file: FolderFile,
): Promise<{ readonly text: string; readonly problems: readonly string[] }> {
  const lines: string[] = []
  const problems = await readLines(file, (line) => lines.push(line))
  return { text: `${lines.join('\n')}\n`, problems }
}

async function readLines(file: FolderFile, take: (line: string) => void): Promise<readonly string[]> {
  const problems: string[] = []
  const gzip = isGzip(file.head)
  const start = gzip ? 0 : Math.max(0, file.size - maxTextBytes)
  if (start > 0) problems.push(`Only its last ${mib(maxTextBytes)} MiB of ${mib(file.size)} MiB were read.`)
  const encoding = encodingOf((gzip ? gunzipStart(file.head) : file.head) ?? file.head)
  const decoder = new TextDecoder(encoding)
  // The end is fixed, so that a file that grows while it is read gives what it had at first.
  const stream = createReadStream(file.path, { start: start - (start % 2), end: file.size - 1, highWaterMark: 2 ** 20 })
  let bytes = 0
  let rest = ''
  let isFirst = start > 0
  let shortened = 0
  let zeros = 0
  const takeLine = (line: string) => {
    // The first line of a part begins in its middle.
    if (isFirst) {
      isFirst = false
      return
    }
    let text = line.endsWith('\r') ? line.slice(0, -1) : line
    if (text.length > maxLineLength) {
      text = text.slice(0, maxLineLength)
      shortened++
    }
    if (text.includes('\0')) {
      zeros++
      text = clean(text)
    }
    take(text)
  }
  try {
    for await (const chunk of unpacked(stream, gzip)) {
      bytes += chunk.length
      if (bytes > maxTextBytes + 2 ** 20) {
        problems.push(`Only the first ${mib(maxTextBytes)} MiB of its text were read.`)
        break
      }
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      // A file without line ends must not fill the memory.
      if (rest.length > 64 * maxLineLength) rest = rest.slice(0, maxLineLength + 1)
      for (const line of lines) takeLine(line)
    }
  } catch (error) {
    problems.push(`It could be read only in part: ${errorMessage(error)}.`)
  } finally {
    stream.destroy()
  }
  rest += decoder.decode()
  if (rest !== '') takeLine(rest)
  if (shortened > 0) {
    const are = shortened === 1 ? '1 line is longer' : `${shortened} lines are longer`
    problems.push(`${are} than ${maxLineLength} characters and ${shortened === 1 ? 'was' : 'were'} cut.`)
  }
  if (zeros > 0) problems.push(`NUL characters were removed from ${zeros === 1 ? '1 line' : `${zeros} lines`}.`)
  return problems
}

function unpacked(stream: Readable, gzip: boolean): AsyncIterable<Uint8Array> {
  if (!gzip) return stream
  const unzip = createGunzip()
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
