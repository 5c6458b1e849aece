// Reads a checkpoint that comes back, of this version of the format or of the version before.

import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import type { Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { compileSchema } from '../../router/validation.ts'
import { type Checkpoint, checkpointSchema, checkpointVersion } from './checkpoint.ts'
import { LoopError } from './errors.ts'
import { isRefusal } from './repetition.ts'
import { mayHaveSideEffects } from './run-state.ts'

/** The objects that `resumeFrom` takes, for messages. */
export const checkpointSource = 'an object that onCheckpoint gave you, or run.checkpoint of a paused run'

/** The version that is still read. It did not say what the run was asked, and there was no `history`. */
const previousVersion = 4

/**
 * Checks a checkpoint before anything of it is used, and converts one of the version before.
 *
 * @throws {LoopError} `checkpoint_version` if it has any other version; `invalid_checkpoint` if it is not a checkpoint, is
 *   damaged, or has calls that are neither finished nor pending.
 */
export function readCheckpoint(given: Checkpoint): Checkpoint {
  const version: unknown = given.version
  if (typeof version !== 'number') {
    const found = version === undefined ? 'it has no version' : `its version is ${describeOption(version)}`
    throw new LoopError('invalid_checkpoint', `resumeFrom is not a checkpoint: ${found}. Pass ${checkpointSource}.`)
  }
  if (version !== checkpointVersion && version !== previousVersion) throw anotherVersion(version)
  const value: Checkpoint = version === checkpointVersion ? given : converted(given)
  const errors = compileSchema(checkpointSchema)(value)
  if (errors.length > 0) throw invalidCheckpoint('is damaged', describeValidationErrors(errors, checkpointSchema))
  const messages = value.messages.slice(openingLength(value))
  const answered = messages.filter(({ role }) => role === 'tool').length
  if (answered !== value.results.length) {
    throw invalidCheckpoint(`has ${answered} tool messages for ${value.results.length} results`)
  }
  const asked = messages.reduce((sum, message) => sum + callsIn(message), 0)
  if (asked !== value.results.length + value.pending.length) {
    const found = `${value.results.length} results and ${value.pending.length} pending calls`
    throw invalidCheckpoint(`has ${asked} calls for ${found}`)
  }
  return value
}

/**
 * Checks the answer of a checkpoint of the same task.
 *
 * @param schema schema that an accepted answer must fit.
 * @throws {LoopError} `invalid_checkpoint` if it has an answer that does not fit.
 */
export function assertAnswerFits({ answer }: Checkpoint, schema: object | undefined): void {
  if (answer === null || isAnswer(answer.value, schema)) return
  throw invalidCheckpoint('has an answer that does not fit answer.schema')
}

function converted(given: Checkpoint): Checkpoint {
  return { ...given, version: checkpointVersion, task: null, history_messages: 0 }
}

/** Number of messages before the prompt of the run: its system prompt, and the messages of `history`. */
export function openingLength({ messages, history_messages }: Checkpoint): number {
  return history_messages + (messages[0]?.role === 'system' ? 1 : 0)
}

/**
 * Whether the run of a checkpoint that cannot be read may have started a tool with side effects. Every version from 4 on
 * says so. Without that, the answer is yes.
 */
export function mayHaveActed(unreadable: object): boolean {
  return Reflect.get(unreadable, 'has_side_effects') !== false
}

/**
 * A sentence that names the calls of a run that may have had side effects, for a message; empty without any.
 *
 * @param checkpoint one that was read.
 */
export function describeActions({ results, pending, has_side_effects }: Checkpoint, router: Router): string {
  if (!has_side_effects) return ''
  const isAction = (
    name: string,
    { served_from, error }: Pick<Checkpoint['results'][number], 'served_from' | 'error'>,
  ) => served_from === undefined && !(error && isRefusal(error.kind)) && mayHaveSideEffects(router, name)
  const shown = (name: string, id: string) => `${excerpt(name, 128)} (${excerpt(id, 256)})`
  const finished = results.filter((result) => isAction(result.call.name, result))
  const begun = pending.filter(({ name, begun, result }) =>
    result ? isAction(name, result) : begun > 0 && isAction(name, {}),
  )
  const all = [
    ...finished.map(({ call, call_id }) => shown(call.name, call_id)),
    ...begun.map(({ id, name, call_id, result }) => shown(name, result?.call_id ?? call_id ?? id)),
  ]
  const prefix = 'The run has made calls that may have had side effects'
  if (all.length === 0) return `${prefix}.`
  const more = all.length > maxNamed ? ` and ${all.length - maxNamed} more` : ''
  return `${prefix}: ${all.slice(0, maxNamed).join(', ')}${more}.`
}

/** Most calls that a message names. */
const maxNamed = 10

/** The milliseconds that the run of a checkpoint took; 0 if the checkpoint does not say it. */
export function elapsedOf(unreadable: object): number {
  const elapsed: unknown = Reflect.get(unreadable, 'elapsed_ms')
  return typeof elapsed === 'number' && Number.isFinite(elapsed) && elapsed > 0 ? elapsed : 0
}

function anotherVersion(version: number): LoopError {
  const read = `versions ${previousVersion} and ${checkpointVersion}`
  return new LoopError(
    'checkpoint_version',
    `resumeFrom has version ${version}, and this release reads ${read}. Its run may have started tools with ` +
      'side effects, and a new start could repeat them. Continue it with the release that wrote it, or start again with ' +
      "onUnreadableCheckpoint: 'restart'.",
  )
}

/**
 * The error for a checkpoint that cannot be used.
 *
 * @param problem a predicate, such as `is damaged`.
 * @param details further lines.
 */
export function invalidCheckpoint(problem: string, details?: string): LoopError {
  const message =
    `resumeFrom ${problem}. Start the run again without resumeFrom, or with onUnreadableCheckpoint: 'restart'; ` +
    'its tools may then run again.'
  return new LoopError('invalid_checkpoint', details === undefined ? message : `${message}\n${details}`)
}

function callsIn({ role, json }: Checkpoint['messages'][number]): number {
  const message = parseJson(json)
  // The message of a dropped result is empty.
  if (!isObject(message) && role !== 'tool') throw invalidCheckpoint(`has a message of ${role} that is not JSON`)
  const calls = role === 'assistant' && isObject(message) ? message['tool_calls'] : undefined
  return Array.isArray(calls) ? calls.length : 0
}

function isAnswer(answer: unknown, schema: object | undefined): boolean {
  return schema === undefined ? typeof answer === 'string' : compileSchema(schema)(answer).length === 0
}
