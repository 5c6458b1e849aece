import { randomUUID } from 'node:crypto'
import { advertise } from '../../router/advertised-schema.ts'
import type { Router } from '../../router/router.ts'
import { excerpt } from '../../router/text/clip.ts'
import type { Tool } from '../../router/tool.ts'
import type { ToolCall } from '../../router/tool-call.ts'
import { Ledger } from './call-history.ts'
import { checkOptions, routerOf } from './check-options.ts'
import type { PartialAnswer, UnjudgedReply } from './checkpoint.ts'
import { systemClock } from './clock.ts'
import { LoopError, type RunError } from './errors.ts'
import { completeLimits, type LimitReason, type Limits, type StopReason, stopReasonOf } from './limits.ts'
import { systemPrompt } from './loop-prompts.ts'
import { Transcript } from './messages.ts'
import { type Model, noUsage, type Usage } from './model.ts'
import type { AnswerOf, Run, RunOptions } from './run.ts'
import { Scope } from './run-deadline.ts'
import { Recorder } from './trace.ts'
import { assertCheckpoint } from './validate-checkpoint.ts'

/** Everything that changes while a run goes on. The steps of the loop read it and write it; nothing else does. */
export interface RunState {
  readonly runId: string
  readonly model: Model
  readonly router: Router
  /** The wire's `tools`, serialised once; undefined without tools. */
  readonly tools: string | undefined
  readonly limits: Limits
  readonly scope: Scope
  readonly transcript: Transcript
  readonly ledger: Ledger
  readonly recorder: Recorder
  readonly now: () => number
  readonly elapsedMs: () => number
  /** Calls of the last reply that have no result yet. */
  pending: readonly ToolCall[]
  rounds: number
  usage: Usage
  /** Tokens and time of the replies so far, to judge whether another one fits. */
  lastTokens: number
  lastMs: number
  fastestMs: number
  slowestMs: number
  /** The bound that was reached; from then on tools are off. */
  closing: LimitReason | undefined
  /** The model was told that tools are off. */
  announced: boolean
  /** The last reply, where it has still to be judged as the answer. */
  unjudged: UnjudgedReply | undefined
  partial: PartialAnswer | undefined
  answer: { readonly value: unknown } | undefined
  stop: StopReason | undefined
  error: RunError | undefined
}

/** @throws {LoopError} on misuse; the message names the option and the value. */
export function openRun<S extends object>(options: RunOptions<S>): RunState {
  checkOptions(options)
  const limits = completeLimits(options.limits)
  const router = routerOf(options)
  const earlier = options.resumeFrom
  if (earlier !== undefined) {
    assertCheckpoint(earlier, options.answer)
    assertSameRun(earlier.run_id, options.runId)
  }
  const clock = options.clock ?? systemClock
  const startedAt = clock.now() - (earlier?.elapsed_ms ?? 0)
  const elapsedMs = () => clock.now() - startedAt
  const runId = earlier?.run_id ?? options.runId ?? randomUUID()
  return {
    runId,
    model: options.model,
    router,
    tools: advertisedTools(router.tools.values()),
    limits,
    scope: new Scope(clock, limits.deadlineMs - elapsedMs(), options.signal),
    transcript: earlier === undefined ? firstMessages(options, router) : new Transcript(),
    ledger: new Ledger(options.inputs ?? {}, (tool) => router.tools.get(tool)?.annotations.readOnlyHint === true),
    recorder: new Recorder(runId, elapsedMs, options.onEvent, earlier?.entries ?? []),
    now: () => clock.now(),
    elapsedMs,
    pending: earlier?.pending ?? [],
    rounds: earlier?.rounds ?? 0,
    usage: earlier?.usage ?? noUsage,
    lastTokens: earlier?.last_tokens ?? 0,
    lastMs: 0,
    fastestMs: earlier?.fastest_ms ?? 0,
    slowestMs: earlier?.slowest_ms ?? 0,
    closing: earlier?.closing ?? undefined,
    announced: earlier?.announced ?? false,
    unjudged: earlier?.unjudged ?? undefined,
    partial: earlier?.partial ?? undefined,
    answer: earlier?.answer ?? undefined,
    stop: earlier?.stop ?? undefined,
    error: undefined,
  }
}

/** @throws {LoopError} `invalid_option`, since the idempotency keys of another run would be used. */
function assertSameRun(earlier: string, runId: string | undefined): void {
  if (runId === undefined || runId === earlier) return
  const [one, other] = [earlier, runId].map((id) => JSON.stringify(excerpt(id, 128)))
  const advice = 'Give the checkpoint of this run, or leave runId out.'
  throw new LoopError(
    'invalid_option',
    `resumeFrom is a checkpoint of the run ${one}, but runId is ${other}. ${advice}`,
  )
}

function firstMessages<S extends object>(options: RunOptions<S>, router: Router): Transcript {
  const transcript = new Transcript()
  const inputs = Object.keys(options.inputs ?? {})
  const system = systemPrompt(options.instructions ?? '', router.tools.size > 0, inputs, options.answer?.schema)
  if (system !== '') transcript.system(system)
  transcript.user(options.prompt)
  return transcript
}

/** The name of a called tool for events: one that is not declared is the model's text. */
export function shownTool({ router }: RunState, name: string): string {
  return router.tools.has(name) ? name : excerpt(name, 128)
}

/** The result of a run that is over; without a stop reason of its own it ended at the bound that was reached. */
export function endRun<S extends object>(run: RunState): Run<AnswerOf<S>> {
  const stopReason = run.answer !== undefined ? 'answered' : (run.stop ?? stopReasonOf[run.closing ?? 'rounds'])
  const error = run.error === undefined ? {} : { error: run.error }
  run.recorder.emit({ type: 'run-end', stopReason, rounds: run.rounds, usage: run.usage, ...error })
  const record = {
    runId: run.runId,
    model: run.model.name,
    provider: run.model.provider,
    rounds: run.rounds,
    usage: run.usage,
    durationMs: Math.round(run.elapsedMs()),
    ...(run.closing === undefined ? {} : { limit: run.closing }),
    results: run.ledger.results,
    trace: run.recorder.close(),
  }
  // The answer was checked against the schema, or is text where there is none.
  if (stopReason === 'answered') return { stopReason, answer: run.answer?.value as AnswerOf<S>, ...record }
  return { stopReason, ...(run.partial === undefined ? {} : { partial: run.partial }), ...error, ...record }
}

/** Tools do not change, and one may take part in any number of runs. */
const written = new WeakMap<Tool, string>()

/** The wire's `tools`: a JSON array, or undefined where there are none. */
function advertisedTools(tools: Iterable<Tool>): string | undefined {
  let all = ''
  for (const tool of tools) all += all === '' ? writtenForm(tool) : `,${writtenForm(tool)}`
  return all === '' ? undefined : `[${all}]`
}

function writtenForm(tool: Tool): string {
  let json = written.get(tool)
  if (json === undefined) {
    json = JSON.stringify(advertise(tool))
    written.set(tool, json)
  }
  return json
}
