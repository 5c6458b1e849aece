import { homedir } from 'node:os'
import { basename } from 'node:path'
import { isObject } from '../json/json.ts'
import { excerpt, limitFeedback } from './clip.ts'
import { shownValue } from './shown-value.ts'

/** Deepest nesting of causes and of aggregated errors that is read. */
const maxErrorDepth = 3
const maxErrors = 5
/** A longer message is cut before it is searched. */
const maxMessageLength = 65_536

/** The message of a thrown value, for the model: without stack, folders of the server and secrets. Never throws. */
export function describeThrown(error: unknown): string {
  try {
    if (error === undefined || error === null) return `The tool threw ${error} instead of an error.`
    const whole = withoutStack(messageOf(error, maxErrorDepth))
    const message = whole.length > maxMessageLength ? excerpt(whole, 1024) : whole
    const shown = limitFeedback(withoutServerPaths(message, pathsOf(error, maxErrorDepth)))
    return shown.trim() === '' ? 'The tool failed without a message.' : shown
  } catch {
    return 'The tool failed with an error that cannot be read.'
  }
}

/** The message with those of its causes and inner errors: `fetch` says only that it failed, and its cause says why. */
function messageOf(error: unknown, depth: number): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const own = ownMessage(error)
  if (depth === 0) return own
  let message = own
  const errors = errorsOf(error)
  const each = errors.slice(0, maxErrors).map((one) => messageOf(one, depth - 1))
  if (errors.length > maxErrors) each.push(`and ${errors.length - maxErrors} more`)
  const all = [...new Set(each)].filter((one) => one !== '' && !own.includes(one)).join('; ')
  if (all !== '') message = own === '' ? all : `${own}: ${all}`
  const cause = causeOf(error)
  const reason = cause === undefined ? '' : messageOf(cause, depth - 1)
  if (reason === '' || message.includes(reason)) return message
  return message === '' ? reason : `${message} (cause: ${reason})`
}

function ownMessage(error: object): string {
  const message: unknown = Reflect.get(error, 'message')
  if (message !== undefined && message !== null && message !== '') return String(message)
  // Node's AggregateError for a refused connection has a code and no message.
  const code: unknown = Reflect.get(error, 'code')
  if (error instanceof Error) return typeof code === 'string' ? code : ''
  const text = 'toString' in error ? String(error) : '[object Object]'
  if (!text.startsWith('[object ')) return text
  return Object.keys(error).length === 0 ? '' : shownValue(error, 512)
}

function errorsOf(error: object): readonly unknown[] {
  const errors: unknown = error instanceof Error ? Reflect.get(error, 'errors') : undefined
  return Array.isArray(errors) ? errors : []
}

function causeOf(error: object): unknown {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  return cause === null ? undefined : cause
}

/** Some libraries write the stack of a cause into the message. */
function withoutStack(message: string): string {
  return message
    .split('\n')
    .filter((line) => !/^\s{1,20}at .{1,500}(?::\d+(?::\d+)?|<anonymous>|native)\)?$/.test(line))
    .join('\n')
}

/** Paths in the fields of file system errors. */
function pathsOf(error: unknown, depth: number): readonly string[] {
  if (!isObject(error)) return []
  const own = [error['path'], error['dest']].filter((path) => typeof path === 'string')
  if (depth === 0) return own
  return [...own, ...[causeOf(error), ...errorsOf(error).slice(0, maxErrors)].flatMap((one) => pathsOf(one, depth - 1))]
}

/**
 * An absolute path of a file. No character of a path may come before it, so that the path of a URL does not match.
 */
const file =
  /(?<![\w.@+~/)}\]-])(?:\/[\w.@+~-]{1,128}){1,32}\/([\w.@+~-]{1,128}\.[A-Za-z][A-Za-z0-9]{0,9})(?![\w/@+~-])/g

/**
 * A message without the folders of the server. Names of files are kept.
 *
 * @param paths paths from the fields of the error, as Node's errors have them.
 */
function withoutServerPaths(message: string, paths: readonly string[]): string {
  let shown = message.replaceAll('file://', '')
  for (const path of paths) shown = replacePath(shown, path, basename(path))
  for (const [folder, name] of [
    [process.cwd(), '.'],
    [homedir(), '~'],
  ] as const) {
    shown = replacePath(replacePath(shown, `${folder}/`, name === '.' ? '' : `${name}/`), folder, name)
  }
  return shown.replace(file, '$1')
}

/** Replaces a path that is not part of a longer word. The root and its direct folders are too common in other texts. */
function replacePath(text: string, path: string, name: string): string {
  if (!/^\/[^/]+\/[^/]/.test(path)) return text
  let out = ''
  let done = 0
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + path.length)) {
    const end = at + path.length
    if (/[\w.@+~/-]/.test(text.charAt(at - 1)) || (!path.endsWith('/') && /[\w@+~-]/.test(text.charAt(end)))) continue
    out += text.slice(done, at) + name
    done = end
  }
  return out + text.slice(done)
}
