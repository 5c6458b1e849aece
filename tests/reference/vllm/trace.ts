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

/** Reads a trace. @throws {Error} if the file is not a trace. */
export function readTrace(file: string): Trace {
  const found = parseJson(readFileSync(file, 'utf8'))
  if (!isTrace(found)) {
    throw new Error(`${file} is not a trace: it must have "name", "vllm", "settings", "requests" and "steps".`)
  }
  return found
}

function isTrace(value: unknown): value is Trace {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    typeof value['vllm'] === 'string' &&
    isObject(value['settings']) &&
    Array.isArray(value['requests']) &&
    value['requests'].every(isRequest) &&
    typeof value['shared_prefix_tokens'] === 'number' &&
    Array.isArray(value['steps']) &&
    value['steps'].every(isStep)
  )
}

function isRequest(value: unknown): boolean {
  return isObject(value) && ['arrival', 'prompt', 'output'].every((key) => typeof value[key] === 'number')
}

function isStep(value: unknown): boolean {
  return (
    isObject(value) &&
    isObject(value['scheduled']) &&
    Array.isArray(value['preempted']) &&
    ['step', 'running', 'waiting', 'free'].every((key) => typeof value[key] === 'number')
  )
}
