import { type LogLevel, levelNamed, levelOfPriority } from './log-level.ts'

export interface StructuredLine {
  readonly text: string
  readonly level: LogLevel | undefined
}

const textKeys = ['message', 'msg', 'MESSAGE', 'log', 'event', 'text']
const levelKeys = ['level', 'levelname', 'severity', 'lvl', 'log.level']
/** What loggers write beside the message when they tell of an exception. */
const errorKeys = ['error', 'err', 'exception', 'exc_info']

/** Message and level of a line in JSON (Docker, `journalctl -o json`, loggers); `undefined` for any other line. */
export function structuredLine(line: string): StructuredLine | undefined {
  const fields = objectIn(line)
  if (fields === undefined) return undefined
  const field = (keys: readonly string[]) => keys.map((key) => fields.get(key)).find((value) => value !== undefined)
  const text = field(textKeys)
  if (text === undefined) return undefined
  const error = field(errorKeys)
  return {
    text: error === undefined ? text : `${text}: ${error}`,
    level: levelNamed(field(levelKeys) ?? '') ?? levelOfPriority(fields.get('PRIORITY')),
  }
}

function objectIn(line: string): Map<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  } catch {
    return undefined
  }
}
