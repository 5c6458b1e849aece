import { styleText } from 'node:util'
import { numberHidden } from '../../router/text/on-one-line.ts'

/** Where a command writes text. Node's streams fit, and so does an object that collects the text in a test. */
export interface TextStream {
  /** Whether a terminal shows the text, so that colours and a status line make sense. */
  readonly isTTY?: boolean
  /** Width of the terminal in characters; absent if it is not known. */
  readonly columns?: number
  /** Writes text as it is, without adding a line break. */
  write(text: string): unknown
}

/** A text that terminals show in a colour. */
export interface StyledText {
  /** The colour. */
  readonly style: 'bold' | 'dim' | 'green' | 'red' | 'yellow'
  /** The text, without escape sequences. */
  readonly text: string
}

/** The width of a terminal is used only within these bounds. */
const minColumns = 40
const maxColumns = 120
/** The width without a terminal. */
const defaultColumns = 80

/**
 * The only way of a command to its streams. Text of models, servers and logs can contain escape sequences that move the
 * cursor, hide what was printed or set the clipboard. All text is made visible here; only this class writes such sequences.
 */
export class TerminalOutput {
  /** Whether a terminal shows the text and understands escape sequences. */
  readonly isTTY: boolean
  readonly #hasColors: boolean
  readonly #env: NodeJS.ProcessEnv
  readonly #stream: TextStream

  /**
   * @param stream the stream to write to, for example `process.stderr`.
   * @param env `NO_COLOR` and `FORCE_COLOR` turn colours off and on. `COLUMNS` is the width if the stream does not know it.
   * With `TERM=dumb` nothing is redrawn.
   */
  constructor(stream: TextStream, env: NodeJS.ProcessEnv = {}) {
    this.#stream = stream
    this.#env = env
    this.isTTY = stream.isTTY === true && env['TERM'] !== 'dumb'
    this.#hasColors = hasColors(this.isTTY, env)
  }

  /** Width for wrapped text: that of the terminal, from 40 to 120; 80 if it is not known. It follows a resized window. */
  get columns(): number {
    return Math.min(Math.max(this.#width() ?? defaultColumns, minColumns), maxColumns)
  }

  /**
   * Width for lists, which other programs read line by line: that of {@link columns} if a terminal shows them or `COLUMNS`
   * is set, otherwise no limit.
   */
  get listColumns(): number {
    return this.isTTY || this.#width() !== undefined ? this.columns : Number.POSITIVE_INFINITY
  }

  /** Longest line that a terminal does not wrap by itself. A line of the full width already moves some to the next line. */
  get statusColumns(): number {
    return Math.max((this.#width() ?? defaultColumns) - 1, 1)
  }

  /** Writes texts in one piece, without adding a line break. Colours are left out if no terminal shows them. */
  write(...parts: readonly (string | StyledText)[]): void {
    this.#stream.write(parts.map((part) => this.#painted(part)).join(''))
  }

  /** Writes a value as one JSON document. Its strings keep every character, but control characters are escaped. */
  json(value: unknown): void {
    const text = JSON.stringify(value, null, 2)
    this.#stream.write(`${text.replace(unsafeInJson, (character) => escaped(character))}\n`)
  }

  /** Empties the current line of a terminal, so that the next text replaces it. */
  eraseLine(): void {
    this.#stream.write(`\r${esc}[2K`)
  }

  #width(): number | undefined {
    const width = this.#stream.columns ?? Number(this.#env['COLUMNS'])
    return Number.isSafeInteger(width) && width > 0 ? width : undefined
  }

  #painted(part: string | StyledText): string {
    if (typeof part === 'string') return withoutControls(part)
    const text = withoutControls(part.text)
    return this.#hasColors ? styleText(part.style, text, { validateStream: false }) : text
  }
}

/** The conventions of no-color.org and of Node: an empty variable counts as not set. */
function hasColors(isTTY: boolean, { NO_COLOR = '', FORCE_COLOR = '' }: NodeJS.ProcessEnv): boolean {
  if (FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTTY && NO_COLOR === ''
}

/** Characters that JSON allows in a string, and that a terminal obeys. `JSON.stringify` escapes those below a space. */
const unsafeInJson = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

const esc = String.fromCharCode(27)

/**
 * A text that a terminal shows without side effects. Line feeds and tabs stay. Each other character that people do not see
 * is shown by its number, such as `⟨U+001B⟩`: control characters, marks that reorder text, and characters without width.
 */
export function withoutControls(text: string): string {
  return numberHidden(text)
}
