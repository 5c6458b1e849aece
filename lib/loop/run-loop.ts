import { isObject } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { isBetter, judge } from './answer.ts'
import { LoopError, ModelError, toRunError } from './errors.ts'
import { answerNow, rejection } from './loop-prompts.ts'
import type { ModelReply } from './model.ts'
import { addUsage, soundUsage } from './model.ts'
import { boundOf, isTooLate, stopAfterAnswerRound } from './reached-limit.ts'
import { restore } from './restore-checkpoint.ts'
import type { AnswerOf, Run, RunOptions } from './run.ts'
import { refuseCalls, runCalls } from './run-calls.ts'
import { untilAborted } from './run-deadline.ts'
import { endRun, openRun, type RunState, shownTool } from './run-state.ts'
import { takeCheckpoint } from './save-checkpoint.ts'

/**
 * Runs the tool loop: ask the model, run the calls of its reply, append the results, until it answers or a bound is
 * reached; then it is asked for its answer once more, with tools off.
 *
 * Resolves for everything that can happen in a run and keeps what was learned.
 *
 * @throws {LoopError} at once and before any request, when an option, a tool or a schema is invalid.
 */
export async function runLoop<const S extends object = never>(options: RunOptions<S>): Promise<Run<AnswerOf<S>>> {
  const run = openRun(options)
  try {
    const lost = options.resumeFrom === undefined ? [] : await restore(run, options.resumeFrom)
    start(run)
    for (const message of lost) run.recorder.warn('resumeFrom', message)
    if (mayGoOn(run)) await finishRound(run, options, true)
    while (run.rounds < run.limits.rounds && mayGoOn(run)) {
      const answerOnly = beginRound(run, options)
      const reply = await ask(run, answerOnly)
      if (reply === undefined) break
      take(run, reply, answerOnly)
      await checkpoint(run, options)
      await finishRound(run, options, false)
    }
    return endRun<S>(run)
  } catch (error) {
    if (error instanceof LoopError) throw error
    // Nothing is known to come here: what was paid for is kept even so.
    run.stop = 'failed'
    run.error = toRunError(error)
    return endRun<S>(run)
  } finally {
    run.scope.close()
  }
}

function start(run: RunState): void {
  const { name: model, provider } = run.model
  const tools = [...run.router.tools.keys()]
  run.recorder.emit({ type: 'run-start', model, provider, tools, limits: run.limits, resumedRounds: run.rounds })
}

/** Whether the run may go on. Where the caller or the clock has ended it, the stop reason is set. */
function mayGoOn(run: RunState): boolean {
  if (run.answer !== undefined || run.stop !== undefined) return false
  if (run.scope.interruption !== undefined) interrupt(run)
  else if (run.rounds > 0 && isTooLate(run)) run.stop = 'deadline'
  return run.stop === undefined
}

function interrupt(run: RunState, error?: unknown): void {
  // The client's own timer, set to what was left, may be a little ahead of the scope's.
  run.stop = run.scope.interruption ?? (run.scope.remainingMs() < 10 ? 'deadline' : 'failed')
  // A deadline that cut no model call short is no failure of anybody.
  if (error !== undefined || run.stop !== 'deadline') run.error = toRunError(error ?? run.scope.signal.reason)
}

/** Decides whether this is the answer round, and tells the model. */
function beginRound<S extends object>(run: RunState, options: RunOptions<S>): boolean {
  const bound = boundOf(run)
  const round = run.rounds + 1
  if (bound !== undefined) run.closing ??= bound.limit
  if (run.closing !== undefined && !run.announced) {
    const detail = run.closing === bound?.limit ? bound.detail : repetitionDetail(run)
    run.recorder.emit({ type: 'limit', round, limit: run.closing, detail })
    run.transcript.user(answerNow(options.answer !== undefined))
    run.announced = true
  }
  const answerOnly = run.closing !== undefined
  run.recorder.emit({ type: 'round-start', round, answerOnly })
  return answerOnly
}

function repetitionDetail(run: RunState): string {
  const entry = run.ledger.entries.findLast((one) => run.ledger.isRepeated(one))
  return `the same call of ${shownTool(run, entry?.call.name ?? '')} was asked for three times`
}

/** One model call; undefined where it failed, with the stop reason set. */
async function ask(run: RunState, answerOnly: boolean): Promise<ModelReply | undefined> {
  const { scope } = run
  // A listener may have ended the run.
  if (scope.interruption !== undefined) return void interrupt(run)
  const startedAt = run.now()
  try {
    const reply = await untilAborted(
      scope.signal,
      run.model.complete({
        messages: run.transcript.messages,
        tools: answerOnly ? undefined : run.tools,
        signal: scope.signal,
        timeoutMs: Math.max(1, scope.remainingMs()),
        onRetry: (retry) => run.recorder.emit({ type: 'retry', round: run.rounds + 1, ...retry }),
      }),
    )
    run.lastMs = run.now() - startedAt
    return checked(reply)
  } catch (error) {
    const durationMs = run.now() - startedAt
    run.recorder.emit({ type: 'reply-failed', round: run.rounds + 1, error: toRunError(error), durationMs })
    return void interrupt(run, error)
  }
}

/** A model is anybody's code: a reply that cannot be read ends the run instead of breaking it. */
function checked(reply: ModelReply | undefined): ModelReply {
  if (isObject(reply?.message) && isObject(reply.usage)) {
    const { message, finishReason, usage, id, model } = reply
    return { message, finishReason, usage: soundUsage(usage), id, model }
  }
  throw new ModelError('The model replied without a message or usage.', { code: 'protocol', retryable: false })
}

/** Counts a reply, reads it and appends it to the transcript: from now on its calls are pending, or it is to be judged. */
function take(run: RunState, reply: ModelReply, answerOnly: boolean): void {
  const { usage, finishReason } = reply
  run.rounds++
  run.fastestMs = run.fastestMs === 0 ? run.lastMs : Math.min(run.fastestMs, run.lastMs)
  run.slowestMs = Math.max(run.slowestMs, run.lastMs)
  run.lastTokens = usage.inputTokens + usage.outputTokens
  run.usage = addUsage(run.usage, usage)
  const truncated = finishReason === 'length' || finishReason === 'content_filter'
  const idPrefix = `call_${run.rounds}`
  const { text, calls, message } = run.router.read(reply.message, {
    truncated,
    idPrefix,
    textFormat: run.model.textFormat,
  })
  run.transcript.assistant(message, run.limits.messageBytes)
  run.pending = calls
  if (answerOnly || calls.length === 0) run.unjudged = { text, finish_reason: finishReason }
  run.recorder.emit({
    type: 'reply',
    round: run.rounds,
    finishReason,
    text: excerpt(text, 1000),
    calls: calls.map(({ id, name }) => ({ id, name: shownTool(run, name) })),
    usage,
    durationMs: run.lastMs,
    ...(reply.model === undefined ? {} : { model: excerpt(reply.model, 128) }),
    ...(reply.id === undefined ? {} : { responseId: excerpt(reply.id, 128) }),
  })
}

/** What a reply asks for: it is judged as the answer, or its calls are run. */
async function finishRound<S extends object>(run: RunState, options: RunOptions<S>, resumed: boolean): Promise<void> {
  if (run.unjudged !== undefined) await conclude(run, options, run.unjudged)
  else if (run.pending.length > 0) await runCalls(run, resumed)
  else return
  await checkpoint(run, options)
}

/** Judges a reply as the answer. Calls that came although tools are off are refused, so that each has its result. */
async function conclude<S extends object>(
  run: RunState,
  options: RunOptions<S>,
  reply: NonNullable<RunState['unjudged']>,
): Promise<void> {
  const calledTools = run.pending.length > 0
  refuseCalls(run)
  const view = { runId: run.runId, results: run.ledger.results }
  const judgement = await judge(reply, options.answer, view, run.scope.signal)
  if (judgement.kind === 'rejected') {
    const { candidate, failure } = judgement
    // Cut short by the caller it did nothing wrong.
    if (failure !== undefined && run.scope.interruption !== 'cancelled') run.recorder.warn('answer.check', failure)
    if (candidate !== undefined && isBetter(candidate, run.partial)) run.partial = candidate
  }
  // A check that was cut short has said nothing: the reply stays unjudged, for whoever resumes the run.
  if (run.scope.interruption !== undefined) return interrupt(run)
  run.unjudged = undefined
  if (judgement.kind === 'accepted') {
    run.answer = { value: judgement.value }
    return
  }
  if (judgement.kind === 'withheld') {
    run.stop = 'failed'
    run.error = toRunError(judgement.error)
    return
  }
  const { problems } = judgement
  run.recorder.emit({ type: 'answer-rejected', round: run.rounds, problems })
  run.stop = stopAfterAnswerRound(run, calledTools)
  if (run.stop === undefined) run.transcript.user(rejection(problems))
}

/** After an interruption or a failure none is taken: the one before it has what was in flight, which is how it is resumed. */
async function checkpoint<S extends object>(run: RunState, options: RunOptions<S>): Promise<void> {
  if (options.onCheckpoint === undefined || run.scope.interruption !== undefined || run.stop === 'failed') return
  try {
    const taken = takeCheckpoint(run)
    if (taken === undefined)
      throw new Error(`not taken: it is larger than limits.checkpointBytes (${run.limits.checkpointBytes})`)
    const storing: unknown = options.onCheckpoint(taken)
    if (storing instanceof Promise) await untilAborted(run.scope.signal, storing)
  } catch (error) {
    run.recorder.warn('onCheckpoint', error)
  }
}
