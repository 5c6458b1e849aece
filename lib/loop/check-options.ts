import { checkSchema } from '../../router/check-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { standardProperties } from '../../router/foreign-schema.ts'
import { inspectJson, isObject, isPlain } from '../../router/json/json.ts'
import { metaSchema } from '../../router/schema-keywords.ts'
import { excerpt } from '../../router/text/clip.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { answerSchema } from './answer.ts'
import { checkDecisions } from './decisions.ts'
import { LoopError } from './errors.ts'
import { checkpointSource } from './read-checkpoint.ts'
import type { RunOptions } from './run.ts'

/** The required form of an option for messages, and the test of it. */
export type Expectation = readonly [expected: string, test: (value: unknown) => boolean]

const text: Expectation = ['a string', (value) => typeof value === 'string']
const filledText: Expectation = [
  'a string that is not blank',
  (value) => typeof value === 'string' && value.trim() !== '',
]
const callback: Expectation = ['a function', (value) => typeof value === 'function']
/** A `Map` would count as an object without members. */
const isPlainObject = (value: unknown) => isObject(value) && isPlain(value)
const object: Expectation = ['a plain object', isPlainObject]

/** The required type of every option. */
const expectations: Readonly<Record<keyof RunOptions, Expectation>> = {
  model: [
    'a Model with name, provider and complete, e.g. minimax()',
    (value) =>
      isObject(value) &&
      typeof value['name'] === 'string' &&
      typeof value['provider'] === 'string' &&
      typeof value['complete'] === 'function',
  ],
  prompt: filledText,
  tools: ['an array of tools', Array.isArray],
  instructions: text,
  // A schema in its place, which can be a function, is recognised later.
  answer: ['an object with a schema', (value) => isObject(value) || standardProperties(value) !== undefined],
  history: ['an array of messages, such as run.messages', Array.isArray],
  inputs: object,
  approve: callback,
  limits: object,
  signal: ['an AbortSignal', (value) => value instanceof EventTarget && 'aborted' in value],
  onEvent: callback,
  onCheckpoint: callback,
  resumeFrom: [`${checkpointSource}; leave it out to start a new run`, isObject],
  decisions: ['a plain object with a decision for each callId', isPlainObject],
  showRepliesLeft: ['a boolean', (value) => typeof value === 'boolean'],
  onUnreadableCheckpoint: ["'fail' or 'restart'", (value) => value === 'fail' || value === 'restart'],
  mayWait: callback,
  runId: ['a non-empty string', (value) => typeof value === 'string' && value !== ''],
  clock: [
    'a Clock with now and after',
    (value) => isObject(value) && typeof value['now'] === 'function' && typeof value['after'] === 'function',
  ],
}

/** For messages. `clock` is for tests of the loop itself. */
const shownOptions = Object.keys(expectations).filter((name) => name !== 'clock')

/** Entries of the table, made once because every run checks them. */
const expected = Object.entries(expectations)

/**
 * Checks everything about the options that can be checked without running anything.
 *
 * @throws {LoopError} `invalid_option` that names the option and its value.
 */
export function checkOptions<S extends object>(options: RunOptions<S>): void {
  if (!isObject(options)) {
    throw invalid(`The argument of runLoop is ${describeOption(options)}; it must be an object with options.`)
  }
  checkNames('runLoop', options, expectations, shownOptions)
  for (const [name, [what, test]] of expected) {
    const value: unknown = Reflect.get(options, name)
    const isRequired = name === 'model' || name === 'prompt'
    if (value === undefined && !isRequired) continue
    if (test(value)) continue
    const hint = name === 'resumeFrom' && typeof value === 'string' ? ' Parse it with JSON.parse first.' : ''
    throw invalid(`${name} is ${describeOption(value)}; it must be ${what}.${hint}`)
  }
  if (options.answer !== undefined) checkAnswer(options.answer)
  for (const [name, value] of Object.entries(options.inputs ?? {})) checkInput(`inputs.${name}`, value)
  if (options.decisions === undefined) return
  checkDecisions(options.decisions)
  // Code that continues runs may always pass decisions.
  if (options.resumeFrom === undefined && Object.keys(options.decisions).length > 0) {
    throw invalid('decisions is given without resumeFrom; pass the checkpoint of the run that waits.')
  }
}

/**
 * Checks names and types of options that are not passed to `runLoop` as they are.
 *
 * @param owner the function that has the options, for messages.
 * @throws {LoopError} `invalid_option` that names the option and its value.
 */
export function checkTypes(owner: string, options: object, types: Readonly<Record<string, Expectation>>): void {
  checkNames(owner, options, types, Object.keys(types))
  checkValues(options, types)
}

/**
 * Checks the types of some options of `runLoop`, for a caller that changes them before it passes them on.
 *
 * @throws {LoopError} `invalid_option` that names the option and its value.
 */
export function checkTypesOf(options: object, names: readonly (keyof RunOptions)[]): void {
  checkValues(options, Object.fromEntries(names.map((name) => [name, expectations[name]])))
}

function checkNames(owner: string, options: object, types: object, shown: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(types, name)) continue
    throw invalid(`${name} is not an option of ${owner}. ${suggestName(name, shown, 'The options are')}`)
  }
}

function checkValues(options: object, types: Readonly<Record<string, Expectation>>): void {
  for (const [name, [what, test]] of Object.entries(types)) {
    const value: unknown = Reflect.get(options, name)
    if (value !== undefined && !test(value)) throw invalid(`${name} is ${describeOption(value)}; it must be ${what}.`)
  }
}

function checkAnswer(answer: { readonly schema?: unknown; readonly check?: unknown }): void {
  const { schema, check, ...unknown } = answer
  const [name] = Object.keys(unknown)
  const isSchema = '~standard' in answer || (name !== undefined && Object.hasOwn(metaSchema.properties, name))
  if (isSchema && schema === undefined) {
    const member = '~standard' in answer ? '~standard' : name
    throw invalid(`answer.${member} is not an option. To pass a schema, write answer: { schema: … }.`)
  }
  if (name !== undefined) {
    const hint = suggestName(name, ['schema', 'check'], 'The options of answer are')
    throw invalid(`answer.${name} is not an option. ${hint}`)
  }
  if (schema === undefined) throw invalid('answer.schema is undefined; it must be a JSON Schema object.')
  if (check !== undefined && typeof check !== 'function') {
    throw invalid(`answer.check is ${describeOption(check)}; it must be a function.`)
  }
  const type: unknown = Reflect.get(checkedAnswerSchema(schema), 'type')
  if (type !== undefined && ![type].flat().includes('object')) {
    const shown = JSON.stringify(type)
    throw invalid(`answer.schema.type is ${shown}; it must be "object", because an answer is one JSON object.`)
  }
}

/** Inputs must survive JSON unchanged: a tool must get exactly the value that a reference in a call points at. */
function checkInput(name: string, value: unknown): void {
  let unserializable: string | undefined
  try {
    const { isPlain, problem } = inspectJson(value)
    if (isPlain) return
    unserializable =
      problem?.replace(' at (root),', ',') ?? (JSON.stringify(value) === undefined ? noJson(value) : undefined)
  } catch (error) {
    const [why = ''] = (error as Error).message.split('\n')
    const shown = error instanceof RangeError ? 'it is nested too deep' : excerpt(why, 200)
    throw invalid(`${name} cannot be represented as JSON: ${shown}.`, error)
  }
  if (unserializable !== undefined) throw invalid(`${name} contains ${unserializable}.`)
}

function noJson(value: unknown): string {
  return `${describeOption(value)}, which JSON cannot represent`
}

/** Compiles a schema before the first request, because some errors, such as an unresolvable `$ref`, show only then. */
function checkedAnswerSchema(schema: unknown): object {
  try {
    const converted = answerSchema({ schema })
    checkSchema('answer.schema', converted)
    return converted
  } catch (error) {
    throw invalid(errorMessage(error), error)
  }
}

function invalid(message: string, cause?: unknown): LoopError {
  return new LoopError('invalid_option', message, cause === undefined ? {} : { cause })
}
