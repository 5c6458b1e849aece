import { excerpt } from '../../router/clip.ts'
import type { Reading } from '../../router/read.ts'
import { judge } from './answer.ts'
import { boundOf, isTooLate, stopAfterAnswerRound } from './bounds.ts'
import { LoopError } from './loop-error.ts'
import type { ModelReply } from './model.ts'
import { ModelError } from './model-error.ts'
import { isBetter } from './partial-answer.ts'
import { restore } from './restore.ts'
import type { AnswerOf, Run, RunOptions } from './run.ts'
import { refuseCalls, runCalls } from './run-calls.ts'
import { toRunError } from './run-error.ts'
import { endRun, openRun, type RunState } from './run-state.ts'
import { takeCheckpoint } from './take-checkpoint.ts'
import { untilAborted } from './until-aborted.ts'
import { addUsage } from './usage.ts'
import { answerNow, rejection } from './wording.ts'

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
    if (options.resumeFrom !== undefined) await restore(run, options.resumeFrom)
    start(run)
    if (run.pending.length > 0) {
      await runCalls(run, true)
      await checkpoint(run, options)
    }
    while (run.rounds < run.limits.rounds && mayGoOn(run)) {
      const answerOnly = beginRound(run, options)
      const reply = await ask(run, answerOnly)
      if (reply === undefined) break
      const reading = take(run, reply)
      if (reading.calls.length > 0 && !answerOnly) {
        await checkpoint(run, options)
        await runCalls(run, false)
      } else {
        await conclude(run, options, reply, reading)
      }
      await checkpoint(run, options)
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

/** Whether another round may begin. Sets the stop reason where the caller or the clock has ended the run. */
function mayGoOn(run: RunState): boolean {
  if (run.answer !== undefined || run.stop !== undefined) return false
  if (run.scope.interruption !== undefined) return interrupt(run)
  if (run.rounds > 0 && isTooLate(run)) run.stop = 'deadline'
  return run.stop === undefined
}

function interrupt(run: RunState, error?: unknown): false {
  // The client's own timer, set to what was left, may be a little ahead of the scope's.
  run.stop = run.scope.interruption ?? (run.scope.remainingMs() < 10 ? 'deadline' : 'failed')
  run.error = toRunError(error ?? run.scope.signal.reason)
  return false
}

/** Decides whether this is the answer round, and tells the model. */
function beginRound<S extends object>(run: RunState, options: RunOptions<S>): boolean {
  const bound = boundOf(run)
  const round = run.rounds + 1
  if (bound !== undefined) run.closing = bound.limit
  if (run.closing !== undefined) {
    const detail = bound?.detail ?? 'the same call was asked for three times'
    run.recorder.emit({ type: 'limit', round, limit: run.closing, detail })
    if (!run.announced) run.transcript.user(answerNow(options.answer !== undefined))
    run.announced = true
  }
  run.recorder.emit({ type: 'round-start', round, answerOnly: run.closing !== undefined })
  return run.closing !== undefined
}

/** One model call; undefined where it failed, with the stop reason set. */
async function ask(run: RunState, answerOnly: boolean): Promise<ModelReply | undefined> {
  const startedAt = run.now()
  try {
    const reply = await untilAborted(
      run.scope.signal,
      run.model.complete({
        messages: run.transcript.messages,
        ...(answerOnly || run.tools === undefined ? {} : { tools: run.tools }),
        signal: run.scope.signal,
        timeoutMs: Math.max(1, run.scope.remainingMs()),
        onRetry: (retry) => run.recorder.emit({ type: 'retry', round: run.rounds + 1, ...retry }),
      }),
    )
    checkReply(reply)
    run.lastMs = run.now() - startedAt
    run.fastestMs = run.fastestMs === 0 ? run.lastMs : Math.min(run.fastestMs, run.lastMs)
    run.slowestMs = Math.max(run.slowestMs, run.lastMs)
    run.lastTokens = reply.usage.inputTokens + reply.usage.outputTokens
    run.usage = addUsage(run.usage, reply.usage)
    run.rounds++
    return reply
  } catch (error) {
    interrupt(run, error)
    return undefined
  }
}

/** A model is anybody's code: a reply that cannot be read ends the run instead of breaking it. */
function checkReply(reply: ModelReply): void {
  const { message, usage, finishReason } = reply
  if (typeof message === 'object' && message !== null && typeof usage === 'object' && usage !== null) {
    const silent = message.content === undefined || message.content === null || message.content === ''
    if (finishReason !== 'content_filter' || !silent) return
    const refused = 'The reply was withheld by the content filter.'
    throw new ModelError(refused, { kind: 'content_filter', retryable: false })
  }
  throw new ModelError('The model replied without a message or usage.', { kind: 'protocol', retryable: false })
}

/** Reads a reply and appends it to the transcript; its calls are pending from now on. */
function take(run: RunState, reply: ModelReply): Reading {
  const reading = run.router.read(reply.message, {
    truncated: reply.finishReason === 'length',
    idPrefix: `call_${run.rounds}`,
  })
  run.transcript.assistant(reading.message)
  run.pending = reading.calls
  run.recorder.emit({
    type: 'reply',
    round: run.rounds,
    finishReason: reply.finishReason,
    text: excerpt(reading.text, 1000),
    calls: reading.calls.map(({ id, name }) => ({ id, name })),
    usage: reply.usage,
    durationMs: run.lastMs,
  })
  return reading
}

/** Judges a reply as the answer. Calls that came although tools are off are refused, so that each has its result. */
async function conclude<S extends object>(
  run: RunState,
  options: RunOptions<S>,
  reply: ModelReply,
  reading: Reading,
): Promise<void> {
  refuseCalls(run)
  const view = { runId: run.runId, results: run.ledger.results }
  const judgement = await judge(reading, options.answer, reply.finishReason === 'length', view, run.scope.signal)
  if (judgement.accepted) {
    run.answer = { value: judgement.value }
    return
  }
  const { problems, candidate, failure } = judgement
  if (failure !== undefined) run.recorder.warn('answer.check', failure)
  if (candidate !== undefined && isBetter(candidate, run.partial)) run.partial = candidate
  run.recorder.emit({ type: 'answer-rejected', round: run.rounds, problems })
  run.stop = stopAfterAnswerRound(run, reading.calls.length > 0)
  if (run.stop === undefined) run.transcript.user(rejection(problems))
}

async function checkpoint<S extends object>(run: RunState, options: RunOptions<S>): Promise<void> {
  if (options.onCheckpoint === undefined) return
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
