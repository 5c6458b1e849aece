import { styleText } from 'node:util'

/** Where a command writes text. Node's streams fit, and so does an object that collects the text in a test. */
export interface TextStream {
  /** Whether a terminal shows the text, so that colours and a status line make sense. */
  readonly isTTY?: boolean
  /** Writes text as it is, without adding a line break. */
  write(text: string): unknown
}

/** A text that terminals show in a colour. */
export interface StyledText {
  /** The colour. */
  readonly style: 'dim' | 'yellow'
  /** The text, without escape sequences. */
  readonly text: string
}

/**
 * The only way of a command to its streams. Text of models, servers and logs can contain escape sequences that move the
 * cursor, hide what was printed or set the clipboard. All text is cleaned here; only this class writes such sequences.
 */
export class TerminalOutput {
  /** Whether a terminal shows the text. */
  readonly isTTY: boolean
  readonly #stream: TextStream

  /** @param stream the stream to write to, for example `process.stderr`. */
  constructor(stream: TextStream) {
    this.#stream = stream
    this.isTTY = stream.isTTY === true
  }

  /** Writes texts in one piece, without adding a line break. Colours are left out if no terminal shows them. */
  write(...parts: readonly (string | StyledText)[]): void {
    this.#stream.write(parts.map((part) => this.#painted(part)).join(''))
  }

  /** Empties the current line of a terminal, so that the next text replaces it. */
  eraseLine(): void {
    this.#stream.write(`\r${esc}[2K`)
  }

  #painted(part: string | StyledText): string {
    if (typeof part === 'string') return withoutControls(part)
    const text = withoutControls(part.text)
    return this.isTTY ? styleText(part.style, text) : text
  }
}

const esc = String.fromCharCode(27)
const bell = String.fromCharCode(7)

/**
 * Escape sequences of ECMA-48: those with parameters, such as a colour; strings with a terminator, such as a window title;
 * and all others. An unterminated string would hide the text after it, so only its beginning counts.
 */
const escapeSequences = new RegExp(
  [
    `${esc}\\[[0-?]*[ -/]*[@-~]`,
    `${esc}[\\]PX^_][^${bell}${esc}\\n]*(?:${bell}|${esc}\\\\)`,
    `${esc}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
)

/**
 * A text that a terminal shows without side effects. Line feeds and tabs stay, and other control characters become spaces.
 * U+202A to U+202E and U+2066 to U+2069 reorder the text after them, so that it reads differently from what it is.
 */
export function withoutControls(text: string): string {
  return text
    .replace(escapeSequences, '')
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .replaceAll('\r\n', '\n')
    .replace(/[^\P{Cc}\n\t]+/gu, ' ')
}
