import { type EngineState, Place } from './engine-state.ts'
import type { StepBatch } from './step-batch.ts'

/** Whether a step that computes the first `end` tokens of a request samples a token. */
export type SamplingRule = (state: EngineState, request: number, end: number) => boolean

/**
 * Ends a step that was executed from `start` to `end`: requests whose tokens are all computed get one output token and those
 * that were drafted and accepted, and finished requests leave. It follows `update_from_output()` in
 * `vllm/v1/core/sched/scheduler.py`, and is the second half of the hot loop.
 *
 * @param samples when a request gets a token. Default: when all its known tokens are computed.
 * @returns all tokens of the requests that finished.
 */
export function finishStep(
  state: EngineState,
  batch: StepBatch,
  start: number,
  end: number,
  samples?: SamplingRule,
): number {
  const {
    input,
    recorder,
    lastToken,
    longestGap,
    generated: generatedTokens,
    computed,
    sampling,
    place,
    blocks,
  } = state
  const { promptTokens, outputTokens } = input.requests
  const { requests, ends, drafted: drafts } = batch
  const { speculation } = input.settings
  const { interToken } = recorder.observed
  const asynchronous = state.stepsInFlight > 1
  const duration = end - start
  let [sampled, promptsDone, cachedOfPrompts, sameInterval, left, finishedTokens] = [0, 0, 0, 0, 0, 0]
  for (let position = 0; position < batch.count; position++) {
    const request = requests[position] ?? 0
    // With asynchronous scheduling the request can have ended while the step was waiting.
    if (place[request] === Place.left) continue
    const generated = generatedTokens[request] ?? 0
    const prompt = promptTokens[request] ?? 0
    const last = ends[position] ?? 0
    if (samples === undefined ? last < prompt + generated : !samples(state, request, last)) continue
    const drafted = drafts[position] ?? 0
    const accepted = drafted === 0 ? 0 : verify(state, request, drafted)
    // The answer can end before the last accepted token.
    const tokens = drafted === 0 ? 1 : Math.min(accepted + 1, (outputTokens[request] ?? 0) - generated)
    sampled += tokens
    generatedTokens[request] = generated + tokens
    if (asynchronous && place[request] === Place.running) {
      const expected = (sampling[request] ?? 0) - (drafted - accepted) - tokens
      sampling[request] = expected
      // The token is known now, and so is the content of the block that it fills.
      blocks.remember(request, (computed[request] ?? 0) - expected)
    }
    if (generated === 0) {
      state.firstToken[request] = end
      recorder.firstToken(end - (input.requests.arrival[request] ?? 0))
      // A prompt counts once, when its first token comes, whatever was computed again after a preemption.
      promptsDone += prompt
      cachedOfPrompts += state.cached[request] ?? 0
      state.counts.externalPromptTokens += state.transfers?.tokensOf(request) ?? 0
    } else {
      const gap = end - (lastToken[request] ?? 0)
      // Most requests also got a token in the previous step: their latency is the duration of this step.
      if (gap === duration) sameInterval++
      else interToken.add(gap)
      if (gap > (longestGap[request] ?? 0)) longestGap[request] = gap
    }
    lastToken[request] = end
    if (generated + tokens < (outputTokens[request] ?? 0)) {
      if (speculation !== undefined && !asynchronous) state.drafts[request] = speculation.tokens
      continue
    }
    if (place[request] === Place.running) left++
    finishedTokens += finish(state, request, end)
  }
  if (left > 0) removeLeft(state)
  interToken.add(duration, sameInterval)
  recorder.endStep(promptsDone, cachedOfPrompts, sampled)
  return finishedTokens
}

/** Verifies the drafted tokens of a request: what was computed for the rejected ones does not count. @returns the accepted ones. */
function verify({ input, recorder, computed, generated }: EngineState, request: number, drafted: number): number {
  const accepted = input.accepted?.(request, generated[request] ?? 0, drafted) ?? drafted
  const before = computed[request] ?? 0
  // A request that was preempted meanwhile has nothing computed.
  if (before > 0) computed[request] = before - (drafted - accepted)
  recorder.draft(drafted, accepted)
  return accepted
}

/** Removes the requests that left from the running ones. */
function removeLeft({ running, place }: EngineState): void {
  let kept = 0
  for (const request of running) if (place[request] !== Place.left) running[kept++] = request
  running.length = kept
}

/** Removes a finished request. @returns all its tokens. */
function finish(state: EngineState, request: number, end: number): number {
  const { input, recorder, counts } = state
  const { requests, maxOutputTokens, settings } = input
  const promptTokens = requests.promptTokens[request] ?? 0
  const outputTokens = state.generated[request] ?? 0
  const cut = outputTokens >= maxOutputTokens || promptTokens + outputTokens >= settings.maxModelLen
  if (cut) counts.cutByLength++
  else counts.stopped++
  recorder.finish({
    arrival: requests.arrival[request] ?? 0,
    queued: (requests.engineArrival ?? requests.arrival)[request] ?? 0,
    scheduled: state.scheduled[request] ?? 0,
    firstToken: state.firstToken[request] ?? 0,
    end,
    promptTokens,
    computedPromptTokens: promptTokens - (state.cached[request] ?? 0),
    outputTokens,
    preemptions: state.preemptions[request] ?? 0,
  })
  state.leave(request)
  return promptTokens + outputTokens
}
