/** Arguments that are JSON: the text itself, `@file`, or `-` for stdin. */
import { readFile } from 'node:fs/promises'
import { errorMessage } from '../../router/errors.ts'
import { parseJson, unparsable } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { onOneLine } from '../../router/text/on-one-line.ts'
import { type CommandIo, UsageError } from './command-io.ts'

/**
 * Reads a JSON argument.
 *
 * @param argument JSON, `@` and the path of a file, or `-` for stdin.
 * @returns its text, which is valid JSON.
 * @throws {UsageError} with the line and column if it is not JSON, and if it cannot be read.
 */
export async function jsonArgument(io: CommandIo, argument: string): Promise<string> {
  const [from, text] = await textOf(io, argument)
  if (parseJson(text, { anyDepth: true }) !== unparsable) return text
  if (text.trim() === '') throw new UsageError(`${from} is empty. Pass a JSON object, for example '{}'.`)
  const at = errorPosition(text)
  const line = text.slice(0, at).split('\n')
  const where =
    at >= text.length ? 'it ends too early' : `unexpected ${JSON.stringify(onOneLine(excerpt(text.slice(at), 20)))}`
  throw new UsageError(
    `${from} is not JSON: ${where} at line ${line.length}, column ${(line.at(-1)?.length ?? 0) + 1}. Write names and texts in double quotes.`,
  )
}

async function textOf({ stdin }: CommandIo, argument: string): Promise<readonly [from: string, text: string]> {
  if (argument === '-') {
    const pieces: Buffer[] = []
    for await (const piece of stdin) pieces.push(Buffer.from(piece))
    return ['The text on stdin', withoutMark(Buffer.concat(pieces).toString('utf8'))]
  }
  if (!argument.startsWith('@')) return ['The input', argument]
  const file = argument.slice(1)
  try {
    return [file, withoutMark(await readFile(file, 'utf8'))]
  } catch (error) {
    throw new UsageError(`The input cannot be read from "${file}": ${errorMessage(error)}.`)
  }
}

/** Some editors begin a file with a byte order mark, which is not JSON. */
function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '')
}

/**
 * The position of the first character that no JSON text can have there. The message of `JSON.parse` does not always have it,
 * so it is the end of the longest prefix that could still be continued.
 */
function errorPosition(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (canContinue(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

/** Whether a text is JSON, or fails only at its end. */
function canContinue(prefix: string): boolean {
  try {
    JSON.parse(prefix)
    return true
  } catch (error) {
    const message = errorMessage(error)
    return /end of JSON|[Uu]nterminated/.test(message) || Number(/position (\d+)/.exec(message)?.[1]) >= prefix.length
  }
}
