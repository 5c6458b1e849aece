import { checkSchema } from '../../router/check-schema.ts'
import { errorMessage } from '../../router/errors.ts'
import { findUnserializable, isObject, isPlainJson } from '../../router/json/json.ts'
import { createRouter, type Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import { LoopError } from './errors.ts'
import { shownOption } from './limits.ts'
import type { RunOptions } from './run.ts'

type Expectation = readonly [what: string, test: (value: unknown) => boolean]

const text: Expectation = ['a string', (value) => typeof value === 'string']
const callback: Expectation = ['a function', (value) => typeof value === 'function']
const object: Expectation = ['an object', isObject]

/** Every option of a run and what it has to be; `model` and `prompt` are the ones that must not be left out. */
const expectations: Readonly<Record<keyof RunOptions, Expectation>> = {
  model: [
    'a Model with name, provider and complete, e.g. minimax()',
    (value) =>
      isObject(value) &&
      typeof value['name'] === 'string' &&
      typeof value['provider'] === 'string' &&
      typeof value['complete'] === 'function',
  ],
  prompt: text,
  tools: ['an array of tools', Array.isArray],
  instructions: text,
  answer: ['an object with a schema', isObject],
  inputs: object,
  limits: object,
  signal: ['an AbortSignal', (value) => value instanceof EventTarget && 'aborted' in value],
  onEvent: callback,
  onCheckpoint: callback,
  resumeFrom: ['a checkpoint', isObject],
  runId: ['a string that is not empty', (value) => typeof value === 'string' && value !== ''],
  clock: [
    'a Clock',
    (value) => isObject(value) && typeof value['now'] === 'function' && typeof value['after'] === 'function',
  ],
}

const expected = Object.entries(expectations)

/** @throws {LoopError} `invalid_option` that names the option and what came. */
export function checkOptions<S extends object>(options: RunOptions<S>): void {
  if (!isObject(options))
    throw invalid(`runLoop's argument is ${shownOption(options)}; it has to be an object of options.`)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(expectations, name)) {
      throw invalid(`${name} is no option of runLoop; there are ${Object.keys(expectations).join(', ')}.`)
    }
  }
  for (const [name, [what, test]] of expected) {
    const value: unknown = Reflect.get(options, name)
    const isRequired = name === 'model' || name === 'prompt'
    if (value === undefined && !isRequired) continue
    if (!test(value)) throw invalid(`${name} is ${shownOption(value)}; it has to be ${what}.`)
  }
  if (options.answer !== undefined) checkAnswer(options.answer)
  for (const [name, value] of Object.entries(options.inputs ?? {})) checkInput(`inputs.${name}`, value)
}

function checkAnswer({ schema, check, ...unknown }: { readonly schema: object; readonly check?: unknown }): void {
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw invalid(`answer.${name} is unknown; there are schema, check.`)
  if (check !== undefined && typeof check !== 'function') {
    throw invalid(`answer.check is ${shownOption(check)}; it has to be a function.`)
  }
  compiles('answer.schema', schema)
  const type: unknown = Reflect.get(schema, 'type')
  if (type !== undefined && ![type].flat().includes('object')) {
    throw invalid(`answer.schema.type is ${JSON.stringify(type)}; it has to be "object": an answer is one JSON object.`)
  }
}

/** What a call is given has to be what the model is told of: JSON. */
function checkInput(name: string, value: unknown): void {
  try {
    if (isPlainJson(value)) return
    const unwritable = JSON.stringify(value) === undefined ? shownOption(value) : findUnserializable(value)
    if (unwritable === undefined) return
    throw new TypeError(unwritable)
  } catch (error) {
    const [why = ''] = (error as Error).message.split('\n')
    const shown = error instanceof RangeError ? 'it holds itself, or nests too deep' : excerpt(why, 200)
    throw invalid(`${name} cannot be written as JSON: ${shown}.`, error)
  }
}

/** @throws {LoopError} `invalid_option` when two tools have one name, or a tool or its schema is invalid. */
export function routerOf<S extends object>(options: RunOptions<S>): Router {
  try {
    return createRouter(options.tools ?? [])
  } catch (error) {
    throw invalid(`tools: ${(error as Error).message}`, error)
  }
}

/** Compiled before any request, so that what only the compiler sees, an unresolvable `$ref`, costs no reply. */
function compiles(name: string, schema: object): void {
  try {
    checkSchema(name, schema)
  } catch (error) {
    throw invalid(errorMessage(error), error)
  }
}

function invalid(message: string, cause?: unknown): LoopError {
  return new LoopError('invalid_option', message, cause === undefined ? {} : { cause })
}
