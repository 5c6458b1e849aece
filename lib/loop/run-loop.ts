import { isObject } from '../../router/json/json.ts'
import { contentText } from '../../router/reading/assistant-message.ts'
import { viewOf } from '../../router/result-content.ts'
import { excerpt } from '../../router/text/clip.ts'
import { checkAnswer, isBetter } from './answer.ts'
import { checkOptions } from './check-options.ts'
import type { PendingAnswer } from './checkpoint.ts'
import { endRun } from './end-run.ts'
import { isModelError, ModelError, toRunError } from './errors.ts'
import { Turns } from './event-loop-turns.ts'
import { noHistory, readHistory } from './history.ts'
import { answerRejection, finalAnswerRequest, repliesLeft } from './loop-prompts.ts'
import { addUsage, type ModelReply, type ModelRetry, validUsage } from './model.ts'
import { openRun, restart } from './open-run.ts'
import { reachedLimit, stopAfterRejection } from './reached-limit.ts'
import { ReplyText } from './reply-text.ts'
import { restore } from './restore-checkpoint.ts'
import type { AnswerOf, Run, RunOptions } from './run.ts'
import { refuseCalls, runCalls } from './run-calls.ts'
import { untilAborted } from './run-deadline.ts'
import { type ActiveRun, shownTool } from './run-state.ts'
import { saveCheckpoint } from './save-checkpoint.ts'
import { shortenResults, wasShortened } from './shorten-results.ts'

/**
 * Runs the tool loop: ask the model, run the calls of its reply, append the results, until the model answers or a limit
 * is reached. At a limit, tools are turned off and the model is asked for its answer once more.
 *
 * It never throws because of something that happens during the run. Failures and limits are part of the result, with
 * everything that was learned before.
 *
 * @throws {LoopError} before the first request, if an option, a tool, a schema or the checkpoint is invalid.
 */
export async function runLoop<const S extends object = never>(options: RunOptions<S>): Promise<Run<AnswerOf<S>>> {
  const turns = new Turns()
  try {
    const turn = turns.next()
    if (turn !== undefined) await turn
    return await runToEnd(options, turns)
  } finally {
    turns.leave()
  }
}

async function runToEnd<S extends object>(options: RunOptions<S>, turns: Turns): Promise<Run<AnswerOf<S>>> {
  const { run, warning } = await openAndRestore(options)
  try {
    emitStart(run)
    if (warning !== undefined) run.recorder.warn('resumeFrom', warning)
    if (canContinue(run)) await finishRound(run, options)
    while (run.state.rounds < run.limits.rounds && canContinue(run)) {
      const isAnswerOnly = startRound(run, options)
      const reply = await askModel(run, turns, isAnswerOnly)
      if (reply === undefined) break
      addReply(run, options, reply, isAnswerOnly)
      // `runCalls` saves a checkpoint itself before it runs anything.
      if (run.state.pending_answer !== null) await saveCheckpoint(run, { sideEffects: false })
      await finishRound(run, options)
    }
    return endRun<S>(run)
  } catch (error) {
    // No step is known to throw. If one does, the run still returns what it has.
    run.state.stop_reason = 'failed'
    run.error = toRunError(error)
    return endRun<S>(run)
  } finally {
    run.deadline.close()
  }
}

/** Checks the options, opens the run, and fills it from its checkpoint. The warning says what was lost. */
async function openAndRestore<S extends object>(
  options: RunOptions<S>,
): Promise<{ readonly run: ActiveRun; readonly warning: string | undefined }> {
  checkOptions(options)
  const history = options.history === undefined ? noHistory : await readHistory(options.history)
  const { run, checkpoint, restartReason } = openRun(options, history)
  if (checkpoint === undefined) return { run, warning: restartReason }
  try {
    return { run, warning: await restore(run, checkpoint) }
  } catch (error) {
    run.deadline.close()
    const again = restart(options, history, error)
    return { run: again.run, warning: again.restartReason }
  }
}

function emitStart({ model: { name: model, provider }, router, limits, state, recorder }: ActiveRun): void {
  const tools = [...router.tools.keys()]
  recorder.emit({ type: 'run-start', model, provider, tools, limits, resumedRounds: state.rounds })
}

/** Whether there is another step to take. If the caller or the deadline ended the run, the stop reason is set. */
function canContinue(run: ActiveRun): boolean {
  const { state, deadline } = run
  if (state.answer !== null || state.stop_reason !== null) return false
  if (deadline.interruption !== undefined) stopInterrupted(run)
  else if (deadline.remainingMs() <= 0) state.stop_reason = 'deadline'
  return state.stop_reason === null
}

/**
 * Sets the stop reason and the error of a run that was interrupted, or whose model call failed.
 *
 * @param error the error of the model call, if one failed or was cut short.
 */
function stopInterrupted(run: ActiveRun, error?: unknown): void {
  const { state, deadline } = run
  // The model's timer has the same end as the deadline and can fire a few milliseconds earlier.
  state.stop_reason = deadline.interruption ?? (deadline.remainingMs() < 10 ? 'deadline' : 'failed')
  // A deadline that cut no model call short is not an error.
  if (error !== undefined || state.stop_reason !== 'deadline') run.error = toRunError(error ?? deadline.signal.reason)
}

/**
 * Starts a round. The first one after a limit was reached asks the model for its answer.
 *
 * @returns whether tools are off.
 */
function startRound<S extends object>(run: ActiveRun, options: RunOptions<S>): boolean {
  const { state } = run
  const reached = reachedLimit(run)
  const round = state.rounds + 1
  if (reached !== undefined) state.limit_reached ??= reached.limit
  const limit = state.limit_reached
  if (limit !== null && !state.answer_requested) {
    const detail = limit === reached?.limit ? reached.detail : repetitionDetail(run)
    run.recorder.emit({ type: 'limit', round, limit, detail })
    run.messages.addUser(finalAnswerRequest(options.answer !== undefined))
    state.answer_requested = true
  } else if (limit === null && run.messages.list.at(-1)?.role === 'tool') {
    const left = shownRepliesLeft(run, options)
    if (left !== undefined) run.messages.addUser(left)
  }
  const answerOnly = limit !== null
  run.recorder.emit({ type: 'round-start', round, answerOnly })
  return answerOnly
}

/** How many replies are left, for a run whose model is told. In the last one tools are off, which has a message of its own. */
function shownRepliesLeft<S extends object>({ state, limits }: ActiveRun, options: RunOptions<S>): string | undefined {
  const left = limits.rounds - state.rounds
  return options.showRepliesLeft === true && left > 1 ? repliesLeft(left) : undefined
}

function repetitionDetail(run: ActiveRun): string {
  const repeated = run.history.finished.findLast((finished) => run.history.repetition.isRepeated(finished))
  return `the model asked for the same call of ${shownTool(run, repeated?.call.name ?? '')} three times`
}

/** A reply and the time that it took. */
interface TimedReply {
  readonly reply: ModelReply
  /** The text of it that was reported. */
  readonly shown: ReplyText
  /** Milliseconds of the whole call, with retries. */
  readonly durationMs: number
  /** Milliseconds since the last retry began to wait. Failed attempts say nothing about how long the next reply will take. */
  readonly attemptMs: number
}

/** Makes one model call. If it fails, the stop reason is set and the result is `undefined`. */
async function askModel(run: ActiveRun, turns: Turns, isAnswerOnly: boolean): Promise<TimedReply | undefined> {
  const { state, deadline } = run
  // A wait for something that is not a promise costs a promise, too.
  const turn = turns.next()
  if (turn !== undefined) await turn
  // A listener may have ended the run.
  if (deadline.interruption !== undefined) return void stopInterrupted(run)
  const startedAt = run.now()
  let attemptedAt = startedAt
  const shown = new ReplyText(run, state.rounds + 1)
  const startAgain = () => {
    attemptedAt = run.now()
    shown.startAgain()
  }
  const ask = () => {
    const reply = run.model.complete({
      messages: run.messages.list,
      tools: isAnswerOnly ? undefined : run.tools,
      plainTools: run.plainTools,
      schemaOf: run.schemaOf,
      signal: deadline.signal,
      timeoutMs: Math.max(1, deadline.remainingMs()),
      slowestReplyMs: state.slowest_ms,
      onText: run.recorder.hasListener ? (text) => shown.add(text) : undefined,
      onRetry: (retry) => {
        startAgain()
        run.recorder.emit({ type: 'retry', round: state.rounds + 1, ...retry })
      },
      mayWait: run.mayWait === undefined ? undefined : (retry) => mayWait(run, retry),
    })
    turns.endStep()
    return untilAborted(deadline.signal, reply)
  }
  try {
    let reply: ModelReply
    try {
      reply = await ask()
    } catch (error) {
      if (!makeRoom(run, error)) throw error
      startAgain()
      reply = await ask()
    }
    const now = run.now()
    const nextTurn = turns.next()
    if (nextTurn !== undefined) await nextTurn
    return { reply: checkedReply(reply), shown, durationMs: now - startedAt, attemptMs: now - attemptedAt }
  } catch (error) {
    const durationMs = run.now() - startedAt
    run.recorder.emit({ type: 'reply-failed', round: state.rounds + 1, error: toRunError(error), durationMs })
    return void stopInterrupted(run, error)
  } finally {
    shown.close()
  }
}

/** Shortens older results if the messages did not fit into the context window. @returns whether to send them again. */
function makeRoom(run: ActiveRun, error: unknown): boolean {
  if (!isModelError(error) || error.code !== 'context_length' || run.deadline.interruption !== undefined) return false
  const shortened = shortenResults(run)
  if (shortened === undefined) return false
  run.recorder.emit({ type: 'results-shortened', round: run.state.rounds + 1, ...shortened })
  // A listener may have ended the run.
  return run.deadline.interruption === undefined
}

/** An error of the callback must not end a run that could go on. */
function mayWait(run: ActiveRun, retry: ModelRetry): boolean {
  try {
    return run.mayWait?.(retry) !== false
  } catch (error) {
    run.recorder.warn('mayWait', error)
    return true
  }
}

/** Anyone can write a model, so a reply may not have the form that its type promises. */
function checkedReply(reply: ModelReply | undefined): ModelReply {
  if (isObject(reply?.message) && isObject(reply.usage)) {
    const { message, finishReason, usage, id, model, protocol } = reply
    return { message, finishReason, usage: validUsage(usage), id, model, protocol }
  }
  throw new ModelError('The model replied without a message or usage.', { code: 'protocol', retryable: false })
}

/**
 * Calls that are read from a reply for each call that `limits.callsPerRound` allows. Every call that is read costs a result
 * in the messages, and a broken model may ask for thousands of calls.
 */
const readCallsPerExecuted = 4

/**
 * Everything that the model was shown: the messages, the tools, and the inputs, of which tools may have shown it parts. Its
 * own replies are not among them, except those of earlier runs, which the caller gives as history.
 */
function* shownTexts(
  { messages, tools, history, router }: ActiveRun,
  earlier: RunOptions['history'],
): Iterable<string> {
  for (const { role, json } of messages.list) if (role !== 'assistant') yield json
  // The results in the messages may have been shortened since.
  for (const { role, content } of earlier ?? []) if (role === 'assistant' || role === 'tool') yield contentText(content)
  for (const { result } of history.finished) {
    if (result.status !== 'ok' || !wasShortened(result)) continue
    yield JSON.stringify(result.value) ?? ''
    const tool = router.tools.get(result.name)
    const view = result.isView && tool && viewOf(tool, result.value, result.input)
    if (view?.kind === 'shown') yield view.text
  }
  if (tools !== undefined) yield tools
  for (const input of Object.values(history.inputs)) yield JSON.stringify(input) ?? ''
}

/** Counts a reply, reads it and appends it to the messages. Then its calls are pending, or it is the pending answer. */
function addReply<S extends object>(
  run: ActiveRun,
  options: RunOptions<S>,
  { reply, shown, durationMs, attemptMs }: TimedReply,
  isAnswerOnly: boolean,
): void {
  const { state, model } = run
  const { usage, finishReason } = reply
  state.rounds++
  state.slowest_ms = Math.max(state.slowest_ms, attemptMs)
  state.last_tokens = usage.inputTokens + usage.outputTokens
  state.usage = addUsage(state.usage, usage)
  const truncated = finishReason === 'length' || finishReason === 'content_filter'
  const reading = {
    truncated,
    // Two calls of a conversation must not have the same id, so replies in `history` count.
    idPrefix: `call_${run.messages.replies + 1}`,
    limitsWork: true,
    maxCalls: readCallsPerExecuted * run.limits.callsPerRound,
    textFormat: model.textFormat,
    protocol: reply.protocol,
    shown: () => shownTexts(run, options.history),
  }
  const { text, calls, message } = run.router.read(reply.message, reading)
  run.messages.addAssistant(message, run.limits.messageBytes)
  // V8 takes ten times as long for a copy that gets further members after its own.
  state.pending = calls.map((call) => ({ begun: 0, ...call }))
  if (isAnswerOnly || calls.length === 0) state.pending_answer = { text, finish_reason: finishReason }
  shown.complete(text)
  run.recorder.emit({
    type: 'reply',
    round: state.rounds,
    finishReason,
    text: excerpt(text, 1000),
    calls: calls.map(({ id, name }) => ({ id, name: shownTool(run, name) })),
    usage,
    durationMs,
    ...(reply.model === undefined ? {} : { model: excerpt(reply.model, 128) }),
    ...(reply.id === undefined ? {} : { responseId: excerpt(reply.id, 128) }),
  })
}

/** Handles the last reply: checks it as the answer, or runs its calls. */
async function finishRound<S extends object>(run: ActiveRun, options: RunOptions<S>): Promise<void> {
  const { pending_answer, pending } = run.state
  if (pending_answer !== null) await handleAnswer(run, options, pending_answer)
  else if (pending.length > 0) await runCalls(run)
  else return
  if (run.onCheckpoint !== undefined) await saveCheckpoint(run, { sideEffects: false })
}

/** Accepts an answer or sends it back. Calls that came although tools are off are refused: each call needs a result. */
async function handleAnswer<S extends object>(
  run: ActiveRun,
  options: RunOptions<S>,
  reply: PendingAnswer,
): Promise<void> {
  const { state, deadline } = run
  const calledTools = state.pending.length > 0
  if (calledTools) await refuseCalls(run)
  const view = { runId: state.run_id, results: run.history.results }
  const checked = await checkAnswer(reply, options.answer, view, deadline.signal)
  if (checked.kind === 'rejected' || checked.kind === 'check-failed') {
    const { candidate } = checked
    if (candidate !== undefined && isBetter(candidate, state.partial)) state.partial = candidate
    // The deadline passed while the check was running.
    if (checked.kind === 'check-failed' && deadline.interruption === 'deadline') {
      run.recorder.warn('answer.check', checked.error.cause)
    }
  }
  // An interrupted check gave no result. The answer stays pending, so that a resumed run checks it again.
  if (deadline.interruption !== undefined) return stopInterrupted(run)
  state.pending_answer = null
  if (checked.kind === 'accepted') {
    state.answer = { value: checked.value }
    return
  }
  if (checked.kind === 'blocked' || checked.kind === 'check-failed') {
    state.stop_reason = 'failed'
    run.error = toRunError(checked.error)
    return
  }
  const { problems } = checked
  run.recorder.emit({ type: 'answer-rejected', round: state.rounds, problems })
  state.stop_reason = stopAfterRejection(run, calledTools) ?? null
  if (state.stop_reason === null) run.messages.addUser(answerRejection(problems, shownRepliesLeft(run, options)))
}
