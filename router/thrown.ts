import { homedir } from 'node:os'
import { basename } from 'node:path'
import { limitFeedback } from './feedback.ts'

/** The message of what was thrown, and nothing else of it: stack and file names tell of the server. Never throws. */
export function describeThrown(error: unknown): string {
  try {
    const message = limitFeedback(withoutServerPaths(withoutStack(messageOf(error)), error))
    return message.trim() === '' ? 'The tool failed without a message.' : message
  } catch {
    return 'The tool failed with an error that cannot be read.'
  }
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error)
  return String(error.message)
}

/** Some libraries put the stack of a cause into the message. */
function withoutStack(message: string): string {
  return message
    .split('\n')
    .filter((line) => !/^\s{1,20}at .{1,500}:\d+(?::\d+)?\)?$/.test(line))
    .join('\n')
}

/** Node's file errors carry the path as a field of its own; other messages may name a file below the working folder. */
function withoutServerPaths(message: string, error: unknown): string {
  let shown = message
  for (const field of ['path', 'dest'] as const) {
    const path: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined
    if (typeof path === 'string' && path !== '') shown = shown.replaceAll(path, basename(path))
  }
  return shown.replaceAll('file://', '').replaceAll(`${process.cwd()}/`, '').replaceAll(`${homedir()}/`, '~/')
}
