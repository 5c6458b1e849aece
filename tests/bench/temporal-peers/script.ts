/** Tool rounds of every run; then the model answers. */
export const toolRounds = 9

/** Round in which the model does something wrong, if the script of the run asks for it. */
export const faultyRound = 3

/** Seconds in the `retry-after` header of the rate limit. */
export const retryAfterSeconds = 5

/** The one tool of every agent. */
export const toolName = 'work'

/** A tool that does not exist. */
export const unknownToolName = 'wrok'

/** A value for `step`, which is an integer in the tool's schema. */
export const wrongStep = 'three'

/** Things that the model or its server do wrong; the names are part of prompts. */
export const modelFaults = [
  'none',
  'hang',
  'wrong-type',
  'unknown-tool',
  'unauthorized',
  'rate-limit',
  'flaky',
] as const

/** One of {@link modelFaults}. */
export type ModelFault = (typeof modelFaults)[number]

/** What the model does in one run. The prompt contains it, so that one server can serve different runs. */
export interface Script {
  /** Also the workflow id. */
  readonly run: string
  /** Size of each tool result. */
  readonly bytes: number
  /** Mean time of one model call. */
  readonly latencyMs: number
  readonly fault: ModelFault
}

export function promptOf({ run, bytes, latencyMs, fault }: Script): string {
  return `run=${run} bytes=${bytes} latency_ms=${latencyMs} fault=${fault}`
}

/** Reads a prompt back from any text that contains it. */
export function scriptOf(text: string): Script {
  const value = (name: string) => new RegExp(`\\b${name}=([\\w-]+)`).exec(text)?.[1] ?? ''
  const fault = modelFaults.find((each) => each === value('fault')) ?? 'none'
  return { run: value('run'), bytes: Number(value('bytes')), latencyMs: Number(value('latency_ms')), fault }
}

/** The answer that proves that a run went through all of its rounds. */
export function answerOf(run: string): string {
  return `done ${run}`
}
