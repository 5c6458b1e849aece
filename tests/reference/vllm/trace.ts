import { readFileSync } from 'node:fs'
import { isObject, parseJson, type UnknownObject } from '../../../router/json/json.ts'

/** One call of `schedule()`: the state after it, before the output of the step. */
export interface TraceStep {
  readonly step: number
  /** Tokens by request. */
  readonly scheduled: Readonly<Record<string, number>>
  /** Requests that the step preempted, sorted. */
  readonly preempted: readonly number[]
  /** Number of running requests. */
  readonly running: number
  /** Number of waiting requests. */
  readonly waiting: number
  /** Number of free KV blocks. */
  readonly free: number
}

/** What vLLM's scheduler did with a workload. */
export interface Trace {
  readonly name: string
  /** Version of vLLM. */
  readonly vllm: string
  /** Arguments of the engine. */
  readonly settings: UnknownObject
  /** The arrival is the number of the step that first sees the request. */
  readonly requests: readonly { readonly arrival: number; readonly prompt: number; readonly output: number }[]
  /** Leading tokens that all prompts have in common. */
  readonly shared_prefix_tokens: number
  readonly steps: readonly TraceStep[]
}

/** Reads a trace. @throws {Error} if the file is not a trace. The message names the member with the problem. */
export function readTrace(file: string): Trace {
  const found = parseJson(readFileSync(file, 'utf8'))
  if (!isObject(found)) throw new Error('the file is not a JSON object. It may be cut off: record it again.')
  if (!isTrace(found)) throw new Error(`the file is not a trace: ${problemOf(found)}.`)
  return found
}

/** Settings that the recorder has no default for. */
const requiredSettings = ['max_model_len', 'block_size', 'num_gpu_blocks', 'max_num_seqs', 'max_num_batched_tokens']

/** The members of a trace: what each must be, and the check. */
const members: readonly (readonly [name: keyof Trace, expected: string, check: (value: unknown) => boolean])[] = [
  ['name', 'a text without line breaks', (value) => typeof value === 'string' && /^.+$/.test(value)],
  ['vllm', 'a version such as "0.15.0"', (value) => typeof value === 'string' && /^\d+\.\d+/.test(value)],
  ['settings', `an object with the positive integers ${requiredSettings.join(', ')}`, isSettings],
  ['requests', 'a list of {arrival, prompt, output}, integers of at least 0, 1 and 1', listOf(isRequest)],
  ['shared_prefix_tokens', 'an integer from 0', isCount],
  ['steps', 'a list of {step, scheduled, preempted, running, waiting, free}', listOf(isStep)],
]

function isTrace(value: UnknownObject): value is UnknownObject & Trace {
  return members.every(([name, , check]) => check(value[name]))
}

function problemOf(value: UnknownObject): string {
  const wrong = members.find(([name, , check]) => !check(value[name]))
  return wrong === undefined ? '' : `"${wrong[0]}" must be ${wrong[1]}`
}

function listOf(check: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(check)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isSettings(value: unknown): boolean {
  return isObject(value) && requiredSettings.every((name) => isPositive(value[name]))
}

function isRequest(value: unknown): boolean {
  return isObject(value) && isCount(value['arrival']) && [value['prompt'], value['output']].every(isPositive)
}

function isPositive(value: unknown): boolean {
  return isCount(value) && value !== 0
}

function isStep(value: unknown): boolean {
  return (
    isObject(value) &&
    isObject(value['scheduled']) &&
    listOf(isCount)(value['preempted']) &&
    ['step', 'running', 'waiting', 'free'].every((key) => isCount(value[key]))
  )
}
