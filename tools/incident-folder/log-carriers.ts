import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'

// Container runtimes and journald can store each line as a JSON object. The log tools read the text of a line. Prefixes
// of kubectl and docker compose need no change: the log tools know them.

/** English abbreviations, as syslog prints them. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The lines that one line of a file carries; itself if it carries none. */
export function carriedLines(line: string): readonly string[] {
  if (!line.startsWith('{"') || !line.endsWith('}')) return [line]
  const entry = parseJson(line)
  if (!isObject(entry)) return [line]
  const log = entry['log']
  // Docker's json-file driver: {"log":"text\n","stream":"stdout","time":"…"}
  if (typeof log === 'string') return log.replace(/\r?\n$/, '').split('\n')
  const message = journalMessage(entry)
  if (message === undefined) return [line]
  return message.split('\n').map((text) => `${journalPrefix(entry)}${text}`)
}

/** The message of an entry of `journalctl -o json`. Bytes that are not text are stored as an array of numbers. */
function journalMessage({ MESSAGE: message }: UnknownObject): string | undefined {
  if (typeof message === 'string') return message
  if (!Array.isArray(message) || !message.every((byte) => typeof byte === 'number')) return undefined
  return new TextDecoder().decode(Uint8Array.from(message))
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
