import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'
import { withoutTerminalCodes } from '../logs/terminal-codes.ts'

// Container runtimes and journald can store each line as a JSON object. The log tools read the text of a line. Prefixes
// of kubectl and docker compose need no change: the log tools know them.

/** English abbreviations, as syslog prints them. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A runtime splits a longer line into parts of 16 KiB. */
const containerRecord = /^(\S+ (stdout|stderr)) ([FP]) (.*)$/s

/** Takes the lines of a file one by one, and gives the lines of the program that they carry. */
export class LogCarrier {
  readonly #take: (line: string) => void
  readonly #maxLength: number
  /** Start of a line of which the rest follows, by stream. */
  readonly #started = new Map<string, string>()

  /** Docker's time of the last line with a time, in Unix milliseconds. */
  #datedMs = Number.NEGATIVE_INFINITY

  /** @param maxLength longest line of a program in characters; the rest of a longer one is left out. */
  constructor(take: (line: string) => void, maxLength: number) {
    this.#take = take
    this.#maxLength = maxLength
  }

  /** Number of lines that were longer than allowed. */
  shortened = 0

  /** Takes the next line of the file. */
  add(line: string): void {
    const [, prefix = '', stream = '', kind, part = ''] = containerRecord.exec(line) ?? []
    if (kind !== undefined) {
      const started = this.#started.get(stream)
      this.#continue(stream, started === undefined ? `${prefix} F ${part}` : part, kind === 'F')
      return
    }
    const entry = line.startsWith('{"') && line.endsWith('}') ? parseJson(line) : undefined
    if (!isObject(entry)) {
      this.#give(line)
      return
    }
    const log = entry['log']
    // Docker's json-file driver: {"log":"text\n","stream":"stdout","time":"…"}
    if (typeof log === 'string') {
      const stream = String(entry['stream'])
      const text = log.replace(/\r?\n$/, '')
      const isStart = !this.#started.has(stream)
      const part = isStart ? `${this.#timePrefix(text, stream, entry['time'])}${text}` : text
      this.#continue(stream, part, log.endsWith('\n') || !('stream' in entry))
      return
    }
    const message = journalMessage(entry)
    if (message === undefined) this.#give(line)
    else for (const text of message.split('\n')) this.#give(`${journalPrefix(entry)}${text}`)
  }

  /** Gives the lines of which the rest never came. */
  end(): void {
    for (const line of this.#started.values()) this.#give(line)
    this.#started.clear()
  }

  /** Docker's time of a line that states none, in the form of other container runtimes, if no line close to it has a time. */
  #timePrefix(line: string, stream: string, time: unknown): string {
    const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN
    if (Number.isNaN(timeMs)) return ''
    const hasTime = clockTime.test(line)
    // A line that starts with a space belongs to the one before it.
    const needsTime = !hasTime && timeMs - this.#datedMs >= closeMs && /^\S/.test(line)
    if (hasTime || needsTime) this.#datedMs = timeMs
    return needsTime ? `${time} ${stream} F ` : ''
  }

  #continue(stream: string, part: string, isEnd: boolean): void {
    const started = this.#started.get(stream) ?? ''
    // A line without an end must not fill the memory.
    const line = started.length > this.#maxLength ? started : started + part
    if (!isEnd) this.#started.set(stream, line)
    else {
      this.#started.delete(stream)
      for (const text of line.split('\n')) this.#give(text)
    }
  }

  #give(coloured: string): void {
    const line = withoutTerminalCodes(coloured)
    if (line.length > this.#maxLength) this.shortened++
    this.#take(line.slice(0, this.#maxLength))
  }
}

/** A clock time at the start of a line. */
const clockTime = /^.{0,300}\d\d:\d\d:\d\d/
/** A line without a time is read as of the time of the line before it, so one of this age in milliseconds is close enough. */
const closeMs = 60_000

/**
 * The message of an entry of `journalctl -o json`. Bytes that are not text are an array of numbers, a field that occurs
 * several times is an array of its values, and a long one is null. See systemd.io/JOURNAL_EXPORT_FORMATS.
 */
function journalMessage(entry: UnknownObject): string | undefined {
  const message = entry['MESSAGE']
  if (message === null) return '(The journal was exported without this long message. Use journalctl --all.)'
  const isBytes = Array.isArray(message) && message.every((byte) => typeof byte === 'number')
  const values = Array.isArray(message) && !isBytes ? message : [message]
  const texts = values.flatMap((value) => textOfMessage(value) ?? [])
  return texts.length === 0 ? undefined : texts.join('\n')
}

function textOfMessage(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value) || !value.every((byte) => typeof byte === 'number')) return undefined
  return new TextDecoder().decode(Uint8Array.from(value))
}

/** Time, host and program, as `journalctl` prints them. */
function journalPrefix(entry: UnknownObject): string {
  const micros = Number(entry['__REALTIME_TIMESTAMP'] ?? entry['_SOURCE_REALTIME_TIMESTAMP'])
  const host = textOf(entry['_HOSTNAME']) ?? 'localhost'
  const program = textOf(entry['SYSLOG_IDENTIFIER']) ?? textOf(entry['_COMM']) ?? 'unknown'
  const pid = textOf(entry['_PID'] ?? entry['SYSLOG_PID'])
  const time = Number.isFinite(micros) ? `${syslogTime(new Date(micros / 1000))} ` : ''
  return `${time}${host} ${program}${pid === undefined ? '' : `[${pid}]`}: `
}

function syslogTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return `${months[date.getUTCMonth()]} ${two(date.getUTCDate())} ${time}`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
