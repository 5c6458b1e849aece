// Keeps a bounded part of a log of any length: its start, its end, and the abnormal lines between them.

/** Lines at the start, which show how the engine was started. */
const headLines = 2_000
/** Lines at the end, where the incident is. */
const tailLines = 10_000
/** Abnormal lines between start and end. */
const abnormalLines = 8_000
/** Abnormal lines of one message that are kept. */
const linesPerMessage = 20
/** Characters by which messages are compared. */
const messageLength = 160

/** Words of lines that may show a failure. They only decide what is kept; the log tools classify the lines. */
const abnormal =
  /error|warn|fail|except|traceback|fatal|critical|xid|oom|out of memory|kill|timed? ?out|lockup|stuck|hung|abort|refused|reset|denied|evict|segfault|panic|unable|cannot|died|dead|lost|nccl|assert|preempt/i

/** A part of a log. */
export interface LogPart {
  /** The lines that were kept, in their order. */
  readonly lines: readonly string[]
  /** All lines of the log. */
  readonly total: number
  /** Messages of which only the first lines between start and end were kept, with the number of all their lines there. */
  readonly repeated: readonly { readonly line: string; readonly count: number }[]
}

/** Takes the lines of a log one by one. */
export class LogSample {
  readonly #head: string[] = []
  /** A ring: the line with the number n is at n modulo its size. */
  readonly #tail: string[] = []
  readonly #middle: { readonly index: number; readonly line: string }[] = []
  readonly #messages = new Map<string, { readonly line: string; count: number }>()
  #total = 0

  /** Takes the next line. */
  add(line: string): void {
    const index = this.#total++
    if (index < headLines) {
      this.#head.push(line)
      return
    }
    this.#tail[index % tailLines] = line
    if (!abnormal.test(line)) return
    const message = line.slice(0, messageLength).replace(/\d+/g, '#')
    const known = this.#messages.get(message)
    if (known !== undefined) known.count++
    // Messages without an end must not fill the memory.
    else if (this.#messages.size < abnormalLines) this.#messages.set(message, { line: copyOf(line), count: 1 })
    const isKept = (known?.count ?? 1) <= linesPerMessage
    if (isKept && this.#middle.length < abnormalLines) this.#middle.push({ index, line: copyOf(line) })
  }

  /** The part that was kept. */
  part(): LogPart {
    const tailStart = Math.max(headLines, this.#total - tailLines)
    const tail: string[] = []
    for (let index = tailStart; index < this.#total; index++) tail.push(this.#tail[index % tailLines] ?? '')
    const middle = this.#middle.filter(({ index }) => index < tailStart).map(({ line }) => line)
    const isWhole = this.#total <= headLines + tailLines
    const repeated = isWhole ? [] : [...this.#messages.values()].filter(({ count }) => count > linesPerMessage)
    return { lines: [...this.#head, ...middle, ...tail], total: this.#total, repeated }
  }
}

/** Lines are parts of the megabytes that were read together. A line that is kept must not keep the others. */
function copyOf(line: string): string {
  return Buffer.from(line, 'utf16le').toString('utf16le')
}
